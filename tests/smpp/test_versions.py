"""A peer of an earlier version hears nothing that its version does not have."""

from __future__ import annotations

import pytest

from budstikke.smpp import Pdu, build
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, Sm
from budstikke.smpp.versions import status_for
from smpp.pair import SessionPair, pdus

LAST = {0x00: 0x67, 0x33: 0x67, 0x34: 0xFF, 0x35: 0xFF, 0x50: 0x112}
"""interface_version -> the last command status of its specification."""


@pytest.mark.parametrize(("version", "last"), LAST.items())
def test_statuses(version: int, last: int) -> None:
    for status in st.NAMES:
        said = status_for(version, status)
        assert said in st.NAMES
        assert said <= last
        assert (said == status) == (status <= last)
    assert 0x412 == status_for(version, 0x412)


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [
        (0x34, st.ESME_RINVDCS, st.ESME_RSUBMITFAIL),
        (0x34, st.ESME_RSERTYPUNAVAIL, st.ESME_RSYSERR),
        (0x34, st.ESME_RINVDSTADDRSUBUNIT, st.ESME_RINVOPTPARAMVAL),
        (0x33, st.ESME_RINVDSTADDRSUBUNIT, st.ESME_RSUBMITFAIL),
        (0x33, st.ESME_RINVPARLEN, st.ESME_RINVCMDLEN),
        (0x33, st.ESME_RUNKNOWNERR, st.ESME_RSYSERR),
        (0x33, st.ESME_RTHROTTLED, st.ESME_RTHROTTLED),
    ],
)
def test_what_is_said_instead(version: int, status: int, said: int) -> None:
    assert said == status_for(version, status)


@pytest.mark.parametrize(
    ("version", "status", "tlvs"),
    [
        (0x33, st.ESME_RINVCMDLEN, 0),
        (0x34, st.ESME_RINVPARLEN, 1),
        (0x50, st.ESME_RINVPARLEN, 1),
    ],
)
def test_a_session_of_a_message_centre_keeps_to_the_version_of_the_bind(
    version: int, status: int, tlvs: int
) -> None:
    pair = SessionPair(0)
    parameters = ((0x0210, b"\x34"),)
    bind = Bind("esme", interface_version=version)
    pair.esme.send_request(cmd.BIND_TRANSCEIVER, bind, "bind", 0.0)
    pair.mc.respond(pair.asked(), 0, BindResp("mc"), parameters)
    (response,) = pdus(pair.mc.data_to_send())
    assert tlvs == len(response.tlvs)

    # One that the session refuses itself, unseen.
    cut = build(Pdu(cmd.SUBMIT_SM, 0, 5, Sm())) + b"\2\4\0\4\1"
    pair.mc.receive(len(cut).to_bytes(4, "big") + cut[4:], 0.0)
    (refused,) = pdus(pair.mc.data_to_send())
    assert status == refused.status

    pair.mc.send_request(cmd.DELIVER_SM, Sm(), "delivery", 0.0, parameters)
    (delivery,) = pdus(pair.mc.data_to_send())
    assert tlvs == len(delivery.tlvs)
