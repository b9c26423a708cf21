from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.simulator import listener as listener_module
from budstikke.domain.text import (
    LinkAlphabet,
    gsm_encode,
    pack,
    ucs2_encode,
    udh_concat8,
    udh_concat16,
)
from budstikke.smpp import Pdu, State, build, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Empty, MessageId, QuerySm, QuerySmResp
from budstikke.smpp.receipt import MessageState
from budstikke.smpp.times import relative
from carriers.simulator.operator_bind import (
    UDHI,
    Operator,
    bound_to,
    operator,
    sm,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.smpp import Tlvs


# Binds


@pytest.mark.parametrize(
    ("system_id", "password", "expected"),
    [
        ("acme", "secret", st.ESME_ROK),
        ("acme", "wrong", st.ESME_RINVPASWD),
        ("other", "secret", st.ESME_RINVSYSID),
        ("", "", st.ESME_RINVSYSID),
    ],
)
async def test_accounts(system_id: str, password: str, expected: int) -> None:
    async with operator(accounts={"acme": "secret"}) as centre:
        esme = await centre.connect()
        assert expected == await esme.bind(system_id=system_id, password=password)


async def test_without_accounts_anyone_may_bind() -> None:
    async with operator() as centre:
        esme = await centre.connect()
        assert st.ESME_ROK == await esme.bind(system_id="x", password="")
        nobody = await centre.connect()
        assert st.ESME_RINVSYSID == await nobody.bind(system_id="")


async def test_the_bind_response_says_which_version() -> None:
    async with bound_to() as (_, esme):
        assert b"\x34" == esme.answers["bind"].tlv(tags.SC_INTERFACE_VERSION)


async def test_enquire_link_and_unbind() -> None:
    async with bound_to() as (_centre, esme):
        esme.ask(cmd.ENQUIRE_LINK, Empty(), "alive")
        assert 0 == (await esme.answer("alive")).status
        esme.ask(cmd.UNBIND, Empty(), "bye")
        assert 0 == (await esme.answer("bye")).status
        await esme.until(lambda: esme.session.state is State.CLOSED)
        assert "unbound" == esme.closed


async def test_what_it_does_not_offer_is_refused() -> None:
    async with bound_to() as (_, esme):
        esme.ask(cmd.QUERY_SM, QuerySm("1"), "query")
        answer = await esme.answer("query")
        assert st.ESME_RINVCMDID == answer.status
        assert QuerySmResp("1", "", 7, 0) == answer.body


async def test_stopping_unbinds() -> None:
    async with bound_to() as (centre, esme):
        await centre.listener.stop()
        assert not centre.listener._binds
        assert "unbound by the operator" == esme.closed


async def test_stopping_waits_no_longer_than_it_says_for_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listener_module, "LINGER", 0.05)

    async with bound_to(response_timeout=86_400) as (centre, esme):
        monkeypatch.setattr(esme, "happened", lambda _event: None)
        await centre.listener.stop()
        await esme.until(lambda: esme.session.state is State.CLOSED)


# Fates


@pytest.mark.parametrize(
    ("digits", "states"),
    [
        ("9999", [MessageState.DELIVERED]),
        ("0001", [MessageState.UNDELIVERABLE]),
        ("0004", [MessageState.EXPIRED]),
        ("0006", [MessageState.DELIVERED] * 2),
        ("0007", []),
        ("0009", [MessageState.DELIVERED]),
    ],
)
async def test_fates_that_are_accepted(digits: str, states: list[MessageState]) -> None:
    async with bound_to() as (centre, esme):
        answer = await esme.submit(digits)
        assert isinstance(answer.body, MessageId)
        assert (0, True) == (answer.status, bool(answer.body.message_id))
        centre.after(60)

        receipts = await esme.receipts(len(states))
        assert states == [each.state for each in receipts]
        assert {answer.body.message_id for _ in states} == {e.id for e in receipts}
        arrives = digits not in ("0001", "0004")
        assert (1 if arrives else 0) == len(centre.got(digits))


async def test_0002_is_refused() -> None:
    async with bound_to() as (_, esme):
        assert st.ESME_RINVDSTADR == (await esme.submit("0002")).status


async def test_0003_is_never_answered() -> None:
    async with bound_to() as (centre, esme):
        esme.ask(cmd.SUBMIT_SM, sm("0003"), "silent")
        await esme.submit()
        centre.after(86_400)
        await esme.receipts(1)
        assert "silent" not in esme.answers


async def test_0005_has_its_receipt_before_the_answer() -> None:
    async with bound_to() as (centre, esme):
        esme.ask(cmd.SUBMIT_SM, sm("0005"), "early")
        await esme.submit("0002")
        esme.log.clear()
        centre.after(0.05)
        await esme.receipts(1)
        assert "early" not in esme.answers
        centre.after(1)
        answer = await esme.answer("early")

        assert ["delivery", "answer"] == esme.log
        assert isinstance(answer.body, MessageId)
        assert answer.body.message_id == (await esme.receipts(1))[0].id


async def test_0008_is_throttled_three_times() -> None:
    async with bound_to() as (centre, esme):
        statuses = [(await esme.submit("0008")).status for _ in range(4)]
        assert [st.ESME_RTHROTTLED] * 3 + [0] == statuses
        assert 3 == centre.listener.throttled


async def test_more_than_the_throughput_is_throttled() -> None:
    async with bound_to(throughput=5) as (_, esme):
        statuses = [(await esme.submit()).status for _ in range(50)]
        assert st.ESME_RTHROTTLED in statuses
        assert 0 == statuses[0]


# What is submitted


async def test_a_message_on_the_phone() -> None:
    async with bound_to() as (centre, esme):
        await esme.submit(text=gsm_encode("Hei @ €"), protocol_id=65)
        centre.after(2)

        (message,) = centre.got()
        assert ("Bud", "Hei @ €", "gsm", 1, False, 65) == (
            message.originator,
            message.text,
            message.encoding,
            message.segments,
            message.flash,
            message.protocol_id,
        )


@pytest.mark.parametrize(
    ("alphabet", "coding", "octets"),
    [
        ("gsm", 0, gsm_encode("blåbær")),
        ("gsm-packed", 0, pack(gsm_encode("blåbær"))),
        ("latin1", 0, "blåbær".encode("latin-1")),
        ("gsm", 3, "blåbær".encode("latin-1")),
        ("gsm", 8, ucs2_encode("blåbær")),
        ("gsm", 0xF1, gsm_encode("blåbær")),
        ("gsm", 0x18, ucs2_encode("blåbær")),
    ],
)
async def test_data_codings(alphabet: str, coding: int, octets: bytes) -> None:
    async with bound_to(alphabet=LinkAlphabet(alphabet)) as (centre, esme):
        await esme.submit(text=octets, data_coding=coding)
        centre.after(2)

        (message,) = centre.got()
        assert "blåbær" == message.text
        assert ("ucs2" if coding & 0x0C == 8 else "gsm") == message.encoding


@pytest.mark.parametrize(
    ("coding", "tlvs"),
    [(0x10, ()), (0x18, ()), (0xF0, ()), (0, ((tags.DEST_ADDR_SUBUNIT, b"\x01"),))],
)
async def test_flash(coding: int, tlvs: Tlvs) -> None:
    async with bound_to() as (centre, esme):
        await esme.submit(text=b"\0H\0i", data_coding=coding, tlvs=tlvs)
        centre.after(2)
        assert [True] == [message.flash for message in centre.got()]


def joined(centre: Operator, expected: str, segments: int) -> None:
    (message,) = centre.got()
    assert (expected, segments) == (message.text, message.segments)


@pytest.mark.parametrize("header", [udh_concat8, udh_concat16])
async def test_long_texts_by_header_in_any_order(
    header: Callable[[int, int, int], bytes],
) -> None:
    async with bound_to() as (centre, esme):
        for number in (3, 1, 2):
            text = header(77, 3, number) + b"part%d " % number
            await esme.submit(text=text, esm_class=UDHI)
        centre.after(2)
        joined(centre, "part1 part2 part3 ", 3)


async def test_long_texts_by_sar_parameters() -> None:
    async with bound_to() as (centre, esme):
        for number in (2, 1):
            sar = (
                (tags.SAR_MSG_REF_NUM, b"\x01\x02"),
                (tags.SAR_TOTAL_SEGMENTS, b"\x02"),
                (tags.SAR_SEGMENT_SEQNUM, bytes([number])),
            )
            await esme.submit(text=b"part%d " % number, tlvs=sar)
        centre.after(2)
        joined(centre, "part1 part2 ", 2)


@pytest.mark.parametrize(
    ("text", "coding", "segments"),
    [(b"a" * 160, 0, 1), (b"a" * 161, 0, 2), (b"\0a" * 70, 8, 1), (b"\0a" * 71, 8, 2)],
)
async def test_long_texts_in_message_payload(
    text: bytes, coding: int, segments: int
) -> None:
    async with bound_to() as (centre, esme):
        payload = ((tags.MESSAGE_PAYLOAD, text),)
        await esme.submit(text=b"", data_coding=coding, tlvs=payload)
        centre.after(2)
        joined(centre, "a" * (len(text) >> (coding == 8)), segments)


async def test_packed_parts_have_fill_bits_after_the_header() -> None:
    async with bound_to(alphabet=LinkAlphabet.GSM_PACKED) as (centre, esme):
        for number, text in enumerate(["første ", "andre"], start=1):
            head = udh_concat8(5, 2, number)
            octets = head + pack(gsm_encode(text), 1, counted=False)
            await esme.submit(text=octets, esm_class=UDHI)
        centre.after(2)
        joined(centre, "første andre", 2)


async def test_a_character_cut_in_two_is_mended() -> None:
    async with bound_to() as (centre, esme):
        octets = ucs2_encode("😀")
        for number in (1, 2):
            text = udh_concat8(9, 2, number) + octets[2 * number - 2 : 2 * number]
            await esme.submit(text=text, esm_class=UDHI, data_coding=8)
        await esme.submit(text=octets + b"\0", data_coding=8)
        centre.after(2)
        assert ["😀", "😀\ufffd"] == [message.text for message in centre.got()]


async def test_parts_of_different_customers_are_not_joined() -> None:
    async with bound_to() as (centre, esme):
        other = await centre.connect()
        await other.bind(system_id="other")
        await esme.submit(text=udh_concat8(1, 2, 1) + b"a", esm_class=UDHI)
        await other.submit(text=udh_concat8(1, 2, 2) + b"b", esm_class=UDHI)
        centre.after(2)
        assert [] == centre.got()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"destination_addr": "Bud"}, st.ESME_RINVDSTADR),
        ({"destination_addr": ""}, st.ESME_RINVDSTADR),
        ({"validity_period": "soon"}, st.ESME_RINVEXPIRY),
        ({"tlvs": ((0x0424, b"Hei"),)}, st.ESME_ROPTPARNOTALLWD),
        ({"text": b"", "sm_default_msg_id": 3}, st.ESME_RINVDFTMSGID),
        ({"schedule_delivery_time": "300101000000000+"}, st.ESME_RINVSCHED),
    ],
)
async def test_what_cannot_be_is_refused(fields: dict[str, Any], expected: int) -> None:
    async with bound_to() as (centre, esme):
        assert expected == (await esme.submit(**fields)).status
        centre.after(2)
        assert [] == centre.phones.summaries()


TEXTS = {0, 1, 3, 8, *range(0x10, 0x14), *range(0x18, 0x1C)}
TEXTS |= {*range(0xF0, 0xF4), *range(0xF8, 0xFC)}


async def test_every_data_coding_is_a_text_or_refused() -> None:
    async with operator() as centre:
        esme = await centre.connect()
        await esme.bind(version=0x50)
        for coding in range(256):
            answer = await esme.submit(text=b"\0H", data_coding=coding)
            expected = st.ESME_ROK if coding in TEXTS else st.ESME_RINVDCS
            assert expected == answer.status, coding


@pytest.mark.parametrize(
    ("fields", "tlvs"),
    [
        ({}, ((tags.DESTINATION_PORT, b"\x0b\x84"),)),
        ({"text": b"\6\5\4\x0b\x84\0\0Hei", "esm_class": UDHI}, ()),
        ({"text": b"\4\4\2\1\2Hei", "esm_class": UDHI}, ()),
        ({"text": b""}, ((tags.DESTINATION_PORT, b"\0\1"), (0x0424, b"Hei"))),
    ],
)
async def test_what_is_for_a_program_is_no_text(
    fields: dict[str, Any], tlvs: Tlvs
) -> None:
    async with operator() as centre:
        esme = await centre.connect()
        await esme.bind(version=0x50)
        answer = await esme.submit(tlvs=tlvs, **fields)
        assert st.ESME_RINVDCS == answer.status
        assert [] == centre.phones.summaries()


@pytest.mark.parametrize(
    "text",
    ["Hei, dette er en test", "@kari hei", "\x02\x03\x01Hei", "\x08\x03\x01A Hei og"],
)
async def test_a_header_that_is_none_is_text(text: str) -> None:
    async with bound_to() as (centre, esme):
        await esme.submit(text=text.encode(), esm_class=UDHI, data_coding=3)
        centre.after(2)
        assert text == centre.text()


async def test_a_nul_that_closes_the_text_uncounted() -> None:
    """As a widespread library of PHP writes it, parameters behind it."""

    async with bound_to() as (centre, esme):
        body = build(Pdu(cmd.SUBMIT_SM, 0, 99, sm()))
        tail = b"\0\x02\x04\0\2\0\7"
        length = (len(body) + len(tail)).to_bytes(4, "big")
        esme.transport.write(length + body[4:] + tail)
        await esme.submit("0007")
        centre.after(2)
        assert "Hei" == centre.text()
        await esme.receipts(1)
        (receipt,) = esme.delivered
        assert b"\0\7" == receipt.tlv(tags.USER_MESSAGE_REFERENCE)


@pytest.mark.parametrize("address", ["+4799999999", "004799999999", "4799999999"])
async def test_numbers_as_clients_write_them(address: str) -> None:
    async with bound_to() as (centre, esme):
        await esme.submit(destination_addr=address)
        centre.after(2)
        assert 1 == len(centre.got())


async def test_validity_is_kept() -> None:
    async with bound_to() as (centre, esme):
        await esme.submit("0009", validity_period=relative(10))
        centre.after(11)
        (receipt,) = await esme.receipts(1)
        assert MessageState.EXPIRED is receipt.state
