"""
SMPP 3.4, and the parts of 5.0 in common use, without I/O, for both sides.

``session`` holds a connection's state; ``codec`` turns octets into ``pdus`` by the
tables of ``layouts``; ``receipt``, ``ids`` and ``times`` read what is inside fields.
Nothing here uses a socket, a clock or the rest of this program.
"""

from __future__ import annotations

from budstikke.smpp.codec import build, parse
from budstikke.smpp.errors import PduError
from budstikke.smpp.events import (
    Answered,
    Closed,
    Event,
    Expired,
    Late,
    Malformed,
    Received,
    Unexpected,
)
from budstikke.smpp.pdus import Body, Pdu, Tlvs
from budstikke.smpp.session import Limits, Session
from budstikke.smpp.states import BOUND, Role, State
from budstikke.smpp.timers import Timing

__all__ = [
    "BOUND",
    "Answered",
    "Body",
    "Closed",
    "Event",
    "Expired",
    "Late",
    "Limits",
    "Malformed",
    "Pdu",
    "PduError",
    "Received",
    "Role",
    "Session",
    "State",
    "Timing",
    "Tlvs",
    "Unexpected",
    "build",
    "parse",
]
