"""Whatever octets come: one exception type, bounded memory, no hang."""

from __future__ import annotations

import random
import tracemalloc
from contextlib import suppress

import pytest

from budstikke.smpp import (
    BOUND,
    Closed,
    Limits,
    Pdu,
    PduError,
    Received,
    Role,
    Session,
    State,
    Timing,
    build,
    parse,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp.layouts import LAYOUTS, Kind
from budstikke.smpp.pdus import Bind, BindResp, Destination, Unsuccessful
from budstikke.smpp.receipt import Rules, read_receipt
from budstikke.smpp.times import parse_time

SAMPLES = {
    Kind.INTEGER: 4,
    Kind.STRING: "4799",
    Kind.MESSAGE: b"id:12 stat:DELIVRD done date:2611230830",
    Kind.DESTINATIONS: [Destination(1, 1, "47"), Destination(distribution_list="x")],
    Kind.UNSUCCESSFUL: [Unsuccessful(1, 1, "47", 11)],
}
TEXT_RULES = Rules(text=True)


def corpus() -> list[bytes]:
    found: list[bytes] = []
    for command, layout in LAYOUTS.items():
        fields = [SAMPLES[each.kind] for each in layout.fields]
        body = layout.body(*fields)  # type: ignore[arg-type] # by the table
        found.extend(
            build(Pdu(command, 0, 1, body, tlvs))
            for tlvs in ([], [(0x1E, b"12\0"), (0x427, b"\2"), (0x424, b"hei")])
        )
    return found


def mutate(data: bytes, dice: random.Random) -> bytes:
    octets = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(octets))
        match dice.randrange(5):
            case 0:
                octets[at] = dice.randrange(256)
            case 1:
                octets[at] ^= 1 << dice.randrange(8)
            case 2:
                del octets[at : at + dice.randint(1, 8)]
            case 3:
                octets[at:at] = dice.randbytes(dice.randint(1, 8))
            case _:
                octets[at:at] = b"\0" * dice.randint(1, 4)
        if not octets:
            octets = bytearray(b"\0")
    return bytes(octets)


def framed(octets: bytes) -> bytes:
    """Give it its true length, so that the fault is found further in."""
    return len(octets).to_bytes(4, "big") + octets[4:] if len(octets) > 16 else octets


def codec_round(data: bytes) -> None:
    try:
        pdu = parse(data)
    except PduError:
        return
    read_receipt(pdu, TEXT_RULES)
    try:
        built = build(pdu)
    except PduError:
        return  # over length: taken, not built
    assert built == build(parse(built))


def session(role: Role) -> Session:
    limits = Limits(timing=Timing(response=5.0), window=5, max_pdu=4096)
    made = Session(role, limits, 0.0)
    if role is Role.ESME:
        made.send_request(cmd.BIND_TRANSCEIVER, Bind("a"), "bind", 0.0)
        made.receive(build(Pdu(cmd.BIND_TRANSCEIVER_RESP, 0, 1, BindResp())), 0.0)
    else:
        made.receive(build(Pdu(cmd.BIND_TRANSCEIVER, 0, 1, Bind("a"))), 0.0)
        made.respond(Pdu(cmd.BIND_TRANSCEIVER, 0, 1, None))
    assert made.state in BOUND
    return made


def session_round(made: Session, data: bytes, cut: int, now: float) -> Session:
    """Feed it in two pieces; start anew once it is over."""
    for piece in (data[:cut], data[cut:]):
        for event in made.receive(piece, now):
            if isinstance(event, Received):
                made.respond(event.pdu)
            assert not isinstance(event, Closed) or made.state is State.CLOSED
    made.tick(now)
    made.data_to_send()
    if made.state is State.CLOSED:
        return session(made._role)
    assert len(made._buffer) <= 4096
    return made


def fuzz(rounds: int, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - dice
    samples = corpus()
    sessions = {role: session(role) for role in Role}
    for number in range(rounds):
        data = mutate(dice.choice(samples), dice)
        if dice.random() < 0.8:
            data = framed(data)
        codec_round(data)
        role = dice.choice(list(Role))
        cut = dice.randint(0, len(data))
        # A new one now and then: a stray length may swallow many PDUs.
        fresh = number % 50 == 0
        made = session(role) if fresh else sessions[role]
        sessions[role] = session_round(made, data, cut, number / 1000)


def test_mutated() -> None:
    fuzz(5_000, seed=1)


@pytest.mark.slow
def test_mutated_at_length_in_bounded_memory() -> None:
    fuzz(80_000, seed=2)
    tracemalloc.start()  # which takes four times as long
    try:
        fuzz(4_000, seed=3)
        before, _ = tracemalloc.get_traced_memory()
        fuzz(16_000, seed=4)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 160_000  # a leak of 10 octets a PDU
    assert peak - before < 2_000_000


def test_random_octets() -> None:
    dice = random.Random(5)  # noqa: S311 - dice
    for _ in range(2_000):
        codec_round(framed(dice.randbytes(dice.randint(0, 120))))
        made = session(Role.MC)
        session_round(made, dice.randbytes(dice.randint(0, 120)), 7, 0.0)


def test_long_pdu_octet_by_octet_is_not_quadratic() -> None:
    made = session(Role.ESME)
    length = 4096
    data = length.to_bytes(4, "big") + bytes.fromhex("000000050000000000000001")
    data += b"1" * (length - 16)
    for octet in data:
        events = made.receive(bytes((octet,)), 0.0)
    assert 1 == len(events)
    assert b"" == made._buffer


def test_nonsense_times_give_one_exception() -> None:
    dice = random.Random(6)  # noqa: S311 - dice
    for _ in range(5_000):
        text = "".join(dice.choices("0123456789R+-x", k=dice.choice((12, 13, 16))))
        with suppress(PduError):
            parse_time(text, 0.0, 1)
