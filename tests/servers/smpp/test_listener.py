"""The SMPP server over real sockets, with clients made of our own session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from budstikke.config.smpp import Smpp
from budstikke.servers.smpp import segments
from budstikke.smpp import Pdu, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER
from budstikke.smpp.pdus import (
    Bind,
    BindResp,
    CancelSm,
    DataSm,
    Destination,
    Empty,
    MessageId,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    SubmitMulti,
    SubmitMultiResp,
    Unsuccessful,
)
from budstikke.smpp.times import relative
from carriers.simulator.operator_bind import sm
from servers.smpp.customers import house

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from budstikke.smpp import Body, Tlvs
    from carriers.simulator.operator_bind import Esme


async def ask(esme: Esme, command: int, body: Body, tlvs: Tlvs = ()) -> Pdu:
    token = object()
    esme.ask(command, body, token, tlvs)
    return await esme.answer(token)


def id_of(response: Pdu) -> str:
    assert response.status == 0, hex(response.status)
    assert isinstance(response.body, MessageId)
    return response.body.message_id


async def test_binds_and_what_refuses_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "budstikke.smpp")
    async with house(tmp_path) as gateway:
        for system_id, password, status in (
            ("acme", "wrong", st.ESME_RINVPASWD),
            ("nobody", "secret", st.ESME_RINVPASWD),
            ("", "secret", st.ESME_RINVSYSID),
            ("tls", "secret", st.ESME_RBINDFAIL),
            ("elsewhere", "secret", st.ESME_RBINDFAIL),
        ):
            esme = await gateway.connect()
            assert status == await esme.bind(system_id=system_id, password=password)
            esme.transport.abort()
        esme = await gateway.connect()
        body = Bind("acme", "secret", address_range="(a*)*")
        ranged = await ask(esme, cmd.BIND_RECEIVER, body)
        assert ranged.status == st.ESME_RBINDFAIL
        submitted = await raw(esme, cmd.SUBMIT_SM, b"\0" * 17)
        assert (cmd.SUBMIT_SM_RESP, st.ESME_RINVBNDSTS) == submitted
        assert await esme.bind() == 0  # after refusals, on the same connection
        answer = esme.answers["bind"]
        assert BindResp("budstikke") == answer.body
        assert b"\x34" == answer.tlv(tags.SC_INTERFACE_VERSION)
        assert (cmd.BIND_TRANSMITTER_RESP, st.ESME_RALYBND) == await raw(
            esme, cmd.BIND_TRANSMITTER, b"a\0b\0\0\x34\0\0\0"
        )
        assert (cmd.GENERIC_NACK, st.ESME_RINVCMDID) == await raw(esme, 0x99, b"")

        first = await gateway.bound("tight")
        second = await gateway.connect()
        assert st.ESME_RBINDFAIL == await second.bind(system_id="tight")
        await ask(first, cmd.UNBIND, Empty())
        await first.until(lambda: bool(first.closed))
        second.answers.clear()
        assert await second.bind(system_id="tight") == 0
    refused = [
        (vars(line)["identifier"], vars(line)["result"])
        for line in caplog.records
        if line.msg == "refused a bind of a customer"
    ]
    assert ("acme", "wrong_password") == refused[0]
    assert ("tight", "too_many_requests") == refused[-1]


async def raw(esme: Esme, command: int, body: bytes) -> tuple[int, int]:
    """Send octets; return the response's command and status."""
    got: asyncio.Future[bytes] = esme.loop.create_future()
    received = esme.data_received

    def once(data: bytes) -> None:
        if not got.done():
            got.set_result(data)

    esme.data_received = once  # type: ignore[method-assign]
    esme.transport.write(HEADER.pack(16 + len(body), command, 0, 77) + body)
    _, answered, status, sequence = HEADER.unpack_from(await got)
    esme.data_received = received  # type: ignore[method-assign]
    assert sequence == 77
    return answered, status


async def test_messages_of_all_kinds_reach_the_phone(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        esme = await gateway.bound()
        phone = "+4799991101"
        cases: list[tuple[dict[str, Any], Tlvs, str]] = [
            ({"text": b"Hei \x00 \x1b\x65"}, (), "Hei @ €"),
            ({"text": "Grüße".encode("latin-1"), "data_coding": 3}, (), "Grüße"),
            (
                {"text": "Привет 😀".encode("utf-16-be"), "data_coding": 8},
                (),
                "Привет 😀",
            ),
            ({"text": "Привет".encode("iso8859-5"), "data_coding": 6}, (), "Привет"),
            ({"text": "שלום".encode("iso8859-8"), "data_coding": 7}, (), "שלום"),
            ({"text": b""}, ((tags.MESSAGE_PAYLOAD, b"x" * 900),), "x" * 900),
        ]
        for number, (fields, tlvs, text) in enumerate(cases, 1):
            text_octets = fields.pop("text")
            response = await esme.submit("1101", text_octets, tlvs, **fields)
            assert id_of(response).isdigit()
            assert text == (await gateway.got(phone, number))[-1].text

        body = DataSm("", 5, 0, "Bud", 1, 1, "4799991102", data_coding=0)
        whole = ((tags.MESSAGE_PAYLOAD, b"Data"),)
        id_of(await ask(esme, cmd.DATA_SM, body, whole))
        (message,) = await gateway.got("+4799991102")
        assert ("Data", "Bud") == (message.text, message.originator)


async def test_segments_make_one_text_with_one_id(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        esme = await gateway.bound()
        texts = [b"A" * 152 + b"\x1b", b"\x65" + b"B" * 100]
        headers = [b"\x05\0\x03\x07\x02\x01", b"\x05\0\x03\x07\x02\x02"]
        tokens = [object(), object()]
        for token, header, text in zip(tokens, headers, texts, strict=True):
            body = sm("1101", header + text, esm_class=0x40)
            esme.ask(cmd.SUBMIT_SM, body, token)
        ids = {id_of(await esme.answer(token)) for token in tokens}
        assert len(ids) == 1
        (message,) = await gateway.got("+4799991101")
        assert "A" * 152 + "€" + "B" * 100 == message.text

        other = await gateway.bound()  # segments may come on two sessions
        parts = [
            (
                (tags.SAR_MSG_REF_NUM, b"\x09"),
                (tags.SAR_TOTAL_SEGMENTS, b"\x02"),
                (tags.SAR_SEGMENT_SEQNUM, number),
            )
            for number in (b"\x02", b"\x01")
        ]
        esme.ask(cmd.SUBMIT_SM, sm("1102", b"world"), "two", parts[0])
        other.ask(cmd.SUBMIT_SM, sm("1102", b"Hello "), "one", parts[1])
        assert id_of(await esme.answer("two")) == id_of(await other.answer("one"))
        (message,) = await gateway.got("+4799991102")
        assert "Hello world" == message.text


async def test_refusals_in_smpps_words(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        esme = await gateway.bound(version=0x50)
        for fields, status in (
            ({"destination_addr": "12"}, st.ESME_RINVDSTADR),
            ({"destination_addr": "4699999999"}, st.ESME_RINVDSTADR),  # no route
            ({"source_addr": "Much too long it is"}, st.ESME_RINVSRCADR),
            ({"source_addr": ""}, st.ESME_RINVSRCADR),
            ({"esm_class": 2}, st.ESME_RINVESMCLASS),
            ({"esm_class": 0x80}, st.ESME_RINVESMCLASS),
            ({"priority_flag": 4}, st.ESME_RINVPRTFLG),
            ({"validity_period": "soon"}, st.ESME_RINVEXPIRY),
            ({"validity_period": "000000000000000R"}, st.ESME_RINVEXPIRY),
            ({"schedule_delivery_time": "soon"}, st.ESME_RINVSCHED),
            ({"replace_if_present_flag": 1}, st.ESME_RINVREPFLAG),
            ({"data_coding": 4}, st.ESME_RINVDCS),
            ({"data_coding": 0xD0}, st.ESME_RINVDCS),
            ({"data_coding": 0x12}, st.ESME_RINVDCS),
            ({"short_message": b""}, st.ESME_RINVMSGLEN),
            ({"short_message": b"", "sm_default_msg_id": 1}, st.ESME_RINVDFTMSGID),
        ):
            response = await esme.submit(**fields)
            assert (status, None) == (response.status, response.body), fields
        for tlv in ((tags.USSD_SERVICE_OP, b"\x02"), (tags.DESTINATION_PORT, b"\0\1")):
            response = await esme.submit(tlvs=(tlv,))
            assert st.ESME_ROPTPARNOTALLWD == response.status
        old = await gateway.bound("poor")
        assert st.ESME_RSUBMITFAIL == (await old.submit()).status  # no credit
        response = await old.submit(data_coding=4)
        assert st.ESME_RSUBMITFAIL == response.status  # RINVDCS is of 5.0
        assert id_of(await (await gateway.bound("tight")).submit(source_addr=""))


async def test_queries_cancellations_and_many_recipients(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        esme = await gateway.bound()
        later = relative(3600)
        message_id = id_of(await esme.submit(schedule_delivery_time=later))
        state = await ask(esme, cmd.QUERY_SM, QuerySm(message_id))
        assert QuerySmResp(message_id, "", 1, 0) == state.body
        cancel = CancelSm(message_id=message_id)
        assert (await ask(esme, cmd.CANCEL_SM, cancel)).status == 0
        state = await ask(esme, cmd.QUERY_SM, QuerySm(message_id))
        assert isinstance(state.body, QuerySmResp)
        assert 4 == state.body.message_state
        assert state.body.final_date.endswith("+")
        for command, body, status in (
            (cmd.CANCEL_SM, cancel, st.ESME_RCANCELFAIL),
            (cmd.CANCEL_SM, CancelSm(), st.ESME_RCANCELFAIL),
            (cmd.QUERY_SM, QuerySm("999999"), st.ESME_RQUERYFAIL),
            (cmd.QUERY_SM, QuerySm("x"), st.ESME_RQUERYFAIL),
            (cmd.REPLACE_SM, ReplaceSm(message_id), st.ESME_RREPLACEFAIL),
        ):
            assert status == (await ask(esme, command, body)).status
        for other in ("poor", "narrow"):  # of another account, and another access
            asker = await gateway.bound(other)
            state = await ask(asker, cmd.QUERY_SM, QuerySm(message_id))
            assert st.ESME_RQUERYFAIL == state.status

        to = [
            Destination(1, 1, "4799991103"),
            Destination(1, 1, "12"),
            Destination(distribution_list="nobody"),
        ]
        multi = SubmitMulti("", 5, 0, "Bud", to, short_message=b"Hei")
        response = await ask(esme, cmd.SUBMIT_MULTI, multi)
        assert response.status == 0
        assert isinstance(response.body, SubmitMultiResp)
        assert [
            Unsuccessful(1, 1, "12", st.ESME_RINVDSTADR),
            Unsuccessful(0, 0, "nobody", st.ESME_RINVDLNAME),
        ] == response.body.unsuccessful
        (message,) = await gateway.got("+4799991103")
        assert "Hei" == message.text
        first = str(int(response.body.message_id) + 1)
        state = await ask(esme, cmd.QUERY_SM, QuerySm(first))
        assert state.status == 0


async def test_too_much_is_refused_with_the_status_that_was_chosen(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as gateway:
        tight = await gateway.bound("tight")
        responses = await asyncio.gather(*(tight.submit() for _ in range(5)))
        assert [0, 0, 0, st.ESME_RMSGQFUL, st.ESME_RMSGQFUL] == [
            response.status for response in responses
        ]
        narrow = await gateway.bound("narrow")
        tokens = [object() for _ in range(4)]
        now = narrow.loop.time()
        for token in tokens:
            narrow.session.send_request(cmd.SUBMIT_SM, sm(), token, now)
        narrow.flush()  # in one write
        statuses = [(await narrow.answer(token)).status for token in tokens]
        assert [0, 0, st.ESME_RTHROTTLED, st.ESME_RTHROTTLED] == statuses


async def test_a_stop_answers_what_was_accepted_and_unbinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "PATIENCE", 0.3)
    async with house(tmp_path) as gateway:
        esme = await gateway.bound()
        tokens = [object() for _ in range(50)]
        for token in tokens:
            esme.ask(cmd.SUBMIT_SM, sm(), token)
        await esme.answer(tokens[0])
        lone = sm("1101", b"\x05\0\x03\x09\x02\x01Hei", esm_class=0x40)
        esme.ask(cmd.SUBMIT_SM, lone, "lone")
        assert (await ask(esme, cmd.QUERY_SM, QuerySm("1"))).status  # it has come
    assert st.ESME_RTHROTTLED == (await esme.answer("lone")).status
    await esme.until(lambda: bool(esme.closed))
    statuses = [esme.answers[token].status for token in tokens]
    assert {0} <= {*statuses} <= {0, st.ESME_RSYSERR}
    assert "unbound by the operator" == esme.closed


async def test_connections_are_limited(tmp_path: Path) -> None:
    smpp = Smpp(listen="127.0.0.1:0", max_per_address=2)
    async with house(tmp_path, smpp) as gateway:
        bound = await gateway.bound()
        idle = await gateway.connect()
        third = await gateway.connect()
        await third.until(lambda: bool(third.closed))
        assert not idle.closed  # so it is not for want of a bind
        idle.transport.abort()
        await idle.until(lambda: bool(idle.closed))
        assert id_of(await bound.submit())
