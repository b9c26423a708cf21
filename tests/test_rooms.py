"""The drawing of the rooms is that of the code."""

from pathlib import Path

import rooms

DOCS = Path(__file__).parent.parent / "docs"


def test_the_drawing_has_the_imports_of_the_code() -> None:
    assert rooms.draw() == (DOCS / "rooms.svg").read_text("utf-8")


def test_every_room_is_drawn() -> None:
    folders = {file.parent.name for file in rooms.ROOT.glob("*/__init__.py")}
    assert folders - {"cli", "config", "demo"} == set(rooms.ROOMS)


def test_an_import_between_rooms_is_found() -> None:
    assert ("flow", "store") in rooms.imports()
    assert ("domain", "store") not in rooms.imports()
