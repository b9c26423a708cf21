"""Our SMPP carrier bound to a message centre on node-smpp."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import MESSAGE, Gateway, account, smpp_carrier
from journeys.load import Load
from journeys.processes import wait_until
from journeys.reassembly import texts
from journeys.web import Customer, front_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = [pytest.mark.slow, pytest.mark.peer]

FIRST = 4_790_100_000


def gsm_text(septets: int, euro: int) -> str:
    """A text of so many septets with one € (two septets) at a place."""
    return "æ" * euro + "€" + "Å" * (septets - euro - 2)


def long_texts() -> Iterator[tuple[str, int]]:
    """Texts at the borders, and their segments (3GPP TS 23.040 § 9.2.3.24.1)."""
    for septets in (153, 154, 160):
        for euro in (0, 150, 151, 152, septets - 2):
            if euro <= septets - 2:
                yield gsm_text(septets, euro), 1
    for euro in (0, 150, 151, 152, 153, 159):
        yield gsm_text(161, euro), 2
    for euro in (151, 152, 153, 303, 304):
        yield gsm_text(306, euro), 3 if euro == 152 else 2
    yield "€" * 80, 1
    yield "€" * 81, 2
    yield "€" * 153, 3  # 76 of them in a segment
    for units, segments in ((70, 1), (71, 2), (134, 2), (135, 3)):
        yield "я" * units, segments
        yield "🐟" + "я" * (units - 2), segments
        yield "я" * (units - 2) + "🐟", segments
    yield "🐟" * 35, 1
    yield "🐟" * 36, 2
    yield "я" * 66 + "🐟" + "я" * 66, 3  # the pair is not cut in two
    yield "👨‍👩‍👧‍👦" * 12, 2


def test_long_texts_are_whole(
    tmp_path: Path, own: Own, figures: Callable[..., None], empty_database: str
) -> None:
    centre = own(MessageCentre(tmp_path, node=True))
    centre.start()
    carrier = smpp_carrier(centre.port, window=20)
    gateway = own(Gateway(tmp_path, carrier, database=empty_database))
    gateway.start()
    sent = {f"+{FIRST + n}": row for n, row in enumerate(long_texts())}

    for recipient, (text, _) in sent.items():
        front_id(gateway.push(recipient, text))
    expected = sum(segments for _, segments in sent.values())
    wait_until(
        "all segments were delivered",
        lambda: gateway.parts() == {"delivered": expected},
    )

    got = centre.submits()
    counts = centre.recipients()
    for recipient, (text, segments) in sent.items():
        assert (segments, text) == (counts[recipient], texts(got)[recipient][0])
    read = {submit.recipient: submit.text for submit in got}
    for recipient, (text, segments) in sent.items():
        if segments == 1:
            assert text == read[recipient], "as node-smpp reads it"
    figures(texts=len(sent), segments=expected)


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        ("as_written", {"receipt": "text"}),
        (
            "hex_dec",
            {"receipt": "tlv", "response_id": "hex8", "receipt_id": "dec"},
        ),
        (
            "caseless",
            {"receipt": "text", "response_id": "HEX", "receipt_id": "hex"},
        ),
        (
            "unpadded",
            {"receipt": "both", "response_id": "hex8", "receipt_id": "hex"},
        ),
        (
            "dec_hex",
            {"receipt": "text", "response_id": "dec10", "receipt_id": "HEX"},
        ),
        ("as_written", {"receipt": "tlv", "early": True}),
        ("hex_dec", {"receipt": "text", "response_id": "hex", "early": True}),
        ("as_written", {"receipt": "both", "twice": True}),
    ],
)
def test_receipts_are_matched(
    tmp_path: Path, own: Own, rule: str, options: dict[str, Any]
) -> None:
    customer = own(Customer())
    customer.open()
    centre = own(MessageCentre(tmp_path, node=True, **options))
    centre.start()
    carrier = smpp_carrier(centre.port, message_ids=rule, window=10)
    accounts = [account(status_url=customer.url(), interim=True)]
    gateway = own(Gateway(tmp_path, carrier, accounts))
    gateway.start()
    recipients = [f"+{FIRST + n}" for n in range(40)]

    ids = [front_id(gateway.push(recipient, "Hei")) for recipient in recipients]
    ids.append(front_id(gateway.push("+4790199999", "x" * 400)))
    wait_until("all were told of twice", lambda: len(customer.pushes) >= 2 * len(ids))
    gateway.stop()

    told = {key: sorted(found) for key, found in customer.statuses().items()}
    assert {key: ["-1", "4"] for key in ids} == told
    assert {"delivered": len(ids) + 2} == gateway.parts()


def reached(centre: MessageCentre, submits: int) -> bool:
    return centre.count("submit") >= submits


def test_centre_killed_twice_at_full_rate(
    tmp_path: Path, own: Own, figures: Callable[..., None], empty_database: str
) -> None:
    messages, window, kills = 5_000, 100, (1_500, 3_500)
    customer = own(Customer())
    customer.open()
    centre = own(MessageCentre(tmp_path, node=True))
    centre.start()
    rule = account(status_url=customer.url(), unsure="resend", unsure_after=7.0)
    carrier = smpp_carrier(centre.port, window=window)
    gateway = own(Gateway(tmp_path, carrier, [rule], database=empty_database))
    gateway.start()

    unsure = []
    with Load(gateway.port, messages, MESSAGE) as load:
        for submits in kills:
            wait_until("so many", partial(reached, centre, submits))
            centre.kill()
            centre.start()
            unsure.append(gateway.parts().get("unsure", 0))
        load.finish(120)
        accepted = dict(load.accepted)
        assert not load.refused
        assert not load.unknown
    wait_until("all are told of", lambda: len(customer.pushes) >= len(accepted), 120)
    gateway.stop()

    got = centre.recipients()
    lost = set(accepted.values()) - got.keys()
    doubles = sum(got.values()) - len(got)
    figures(
        accepted=len(accepted),
        submits=sum(got.values()),
        lost=len(lost),
        doubles=doubles,
        window=window,
        unsure_after_kills=unsure,
    )
    assert set() == lost
    assert doubles <= window * len(kills)
    assert {key: ["4"] for key in accepted} == customer.statuses()
