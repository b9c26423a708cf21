"""MMS on the simulated phones' screen and API."""

import base64
from typing import Any

import pytest

from budstikke.carriers.simulator.album import Album
from budstikke.domain.inbound import MediaPart
from budstikke.domain.message import MmsContent, Part
from carriers.simulator.web.test_app import OLA, PATH, Site

JPEG = b"\xff\xd8\xff\r\n\x00"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>"


def received(site: Site, *files: tuple[str, str, bytes]) -> None:
    values = ("2229", OLA, "", "mms", (0, 0), False, 0, 1, 0.0, True)
    part = Part(257, 1, 1, *values)
    content = MmsContent("Sol <i>", "Hei", files)
    site.phones.receive_mms(part, content, 1_793_534_400.0)


@pytest.fixture
def site() -> Site:
    return Site()


def test_an_mms_that_a_phone_got(site: Site) -> None:
    received(site, ("b.jpg", "image/jpeg", JPEG), ("t.txt", "text/plain", b"mer"))

    (message,) = site.ask("GET", PATH).json

    assert ("mms", "mms", "Sol <i>", "Hei\nmer") == (
        message["kind"],
        message["encoding"],
        message["subject"],
        message["text"],
    )
    url = f"/simulator/phones/{OLA.replace('+', '%2B')}/messages/1/parts/1"
    assert [{"name": "b.jpg", "type": "image/jpeg", "size": 6, "url": url}] == (
        message["parts"]
    )
    part = site.ask("GET", url)
    assert (200, JPEG, "image/jpeg") == (
        part.status,
        part.body,
        part.headers["content-type"],
    )
    assert 404 == site.ask("GET", url[:-1] + "2").status
    assert 404 == site.ask("GET", url[:-1] + "0").status


def test_the_page_shows_pictures_and_runs_nothing(site: Site) -> None:
    received(
        site,
        ("b.jpg", "image/jpeg", JPEG),
        ("x.svg", "image/svg+xml", SVG),
        ("l.amr", "audio/amr", b"#!AMR"),
    )

    page = site.ask("GET", "/simulator?phone=%2B4799999999")
    shown = page.body.decode()

    assert "<strong>Sol &lt;i&gt;</strong>" in shown
    assert "parts/1" in shown.partition("<img src=")[2][:80]
    assert "<audio " in shown
    assert 1 == shown.count("<img ")
    assert "img-src 'self'" in page.headers["content-security-policy"]
    svg = site.ask("GET", f"{PATH}/1/parts/2")
    assert ("application/octet-stream", "attachment") == (
        svg.headers["content-type"],
        svg.headers["content-disposition"],
    )


def form(boundary: str, *parts: tuple[str, str, bytes]) -> bytes:
    return b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n"
        f"Content-Type: {kind}\r\n\r\n".encode() + data + b"\r\n"
        for disposition, kind, data in parts
    ) + f"--{boundary}--\r\n".encode()  # fmt: skip


def sent_by(site: Site) -> list[tuple[str, str, str, list[MediaPart]]]:
    return [
        (sent.kind, sent.subject, sent.text, list(site.phones.media(sent.id)))
        for sent in site.phones.take(10, mms=True)
    ]


def test_sending_an_mms_as_json(site: Site) -> None:
    part = {"name": "b.jpg", "type": "image/jpeg", "data": base64.b64encode(JPEG)}
    body: dict[str, Any] = {"to": 2229, "text": "Hei", "subject": "Sol"}
    body["parts"] = [{**part, "data": base64.b64encode(JPEG).decode()}]

    answer = site.ask("POST", PATH, body)

    assert (201, "mms") == (answer.status, answer.json["kind"])
    assert 6 == answer.json["parts"][0]["size"]
    assert JPEG == site.ask("GET", answer.json["parts"][0]["url"]).body
    assert [("mms", "Sol", "Hei", [MediaPart("b.jpg", "image/jpeg", JPEG)])] == (
        sent_by(site)
    )


def test_a_type_that_is_none_is_not_said(site: Site) -> None:
    part = {"data": "R0lG", "type": "image/gif\r\nx-evil: 1"}
    answer = site.ask("POST", PATH, {"to": 2229, "parts": [part]})
    assert "application/octet-stream" == answer.json["parts"][0]["type"]
    shown = site.ask("GET", answer.json["parts"][0]["url"])
    assert "application/octet-stream" == shown.headers["content-type"]
    assert "x-evil" not in shown.headers


def test_sending_an_mms_as_a_form(site: Site) -> None:
    raw = form(
        "xyz",
        ('name="to"', "text/plain", b"2229"),
        ('name="text"', "text/plain", "Hei på\r\ndeg".encode()),
        ('name="subject"', "text/plain", b""),
        ('name="file"; filename="bilde å.jpg"', "image/jpeg", JPEG),
        ('name="file"; filename=""', "application/octet-stream", b""),
    )
    headers = {"content-type": "multipart/form-data; boundary=xyz"}

    answer = site.ask("POST", PATH, raw=raw, headers=headers)

    assert 201 == answer.status
    assert [
        ("mms", "", "Hei på\ndeg", [MediaPart("bilde å.jpg", "image/jpeg", JPEG)])
    ] == sent_by(site)
    assert (
        "bilde å.jpg" in site.ask("GET", "/simulator?phone=%2B4799999999").body.decode()
    )


def test_a_form_without_files_is_a_text(site: Site) -> None:
    fields = (('name="to"', "text/plain", b"2229"), ('name="text"', "", b"JA"))
    raw = form("b", *fields)
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert "sms" == site.ask("POST", PATH, raw=raw, headers=headers).json["kind"]


@pytest.mark.parametrize(
    "body",
    [
        {"to": "2229", "parts": [{"data": "å"}]},
        {"to": "2229", "parts": [{"data": "A"}]},
        {"to": "2229", "parts": [{}]},
        {"to": "2229", "parts": [{"data": "QQ=="}] * 21},
        {"to": "2229", "parts": [{"data": base64.b64encode(bytes(300_001)).decode()}]},
    ],
)
def test_what_is_no_mms(site: Site, body: Any) -> None:
    answer = site.ask("POST", PATH, body)
    assert (400, "bad_field") == (answer.status, answer.json["error"])


def test_a_form_that_cannot_be_read(site: Site) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert 400 == site.ask("POST", PATH, raw=b"--b\r\n", headers=headers).status


def test_mms_are_left_to_those_who_take_them(site: Site) -> None:
    site.ask("POST", PATH, {"to": 1963, "subject": "Sol"})
    site.ask("POST", PATH, {"to": 1963, "text": "Hei"})
    assert ["sms"] == [sent.kind for sent in site.phones.take(10)]
    assert ["mms"] == [sent.kind for sent in site.phones.take(10, mms=True)]


def test_the_album_forgets_the_oldest() -> None:
    album = Album(most=10)
    album.keep(1, [MediaPart("", "a/b", bytes(6))])
    album.keep(2, [MediaPart("", "a/b", bytes(6))])
    assert () == album.look(1)
    assert 1 == len(album.look(2))
    album.keep(3, [MediaPart("", "a/b", bytes(20))])
    assert (0, 1) == (len(album.look(2)), len(album.look(3)))
