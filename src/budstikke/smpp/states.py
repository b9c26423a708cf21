"""
Tables: which side may send which request in which state (SMPP 3.4 § 2.2, Table 2-1).

A response is allowed wherever its request is.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from budstikke.smpp import commands as cmd


class Role(Enum):
    """The side of a session."""

    ESME = "esme"
    """The client: the customer of a message centre."""
    MC = "mc"
    """The message centre."""


class State(Enum):
    """The state of a session."""

    OPEN = "open"
    BOUND_TX = "bound_tx"
    BOUND_RX = "bound_rx"
    BOUND_TRX = "bound_trx"
    UNBINDING = "unbinding"
    """We sent unbind, and wait for its response."""
    CLOSED = "closed"


BOUND: Final = frozenset({State.BOUND_TX, State.BOUND_RX, State.BOUND_TRX})

AFTER_BIND: Final[dict[int, State]] = {
    cmd.BIND_TRANSMITTER: State.BOUND_TX,
    cmd.BIND_RECEIVER: State.BOUND_RX,
    cmd.BIND_TRANSCEIVER: State.BOUND_TRX,
}

_ALWAYS: Final = frozenset({cmd.ENQUIRE_LINK})
_SUBMIT: Final = frozenset(
    {
        cmd.SUBMIT_SM,
        cmd.SUBMIT_MULTI,
        cmd.DATA_SM,
        cmd.QUERY_SM,
        cmd.CANCEL_SM,
        cmd.REPLACE_SM,
    }
)
_DELIVER: Final = frozenset({cmd.DELIVER_SM, cmd.DATA_SM, cmd.ALERT_NOTIFICATION})
_UNBIND: Final = frozenset({cmd.UNBIND})
_NONE: Final[frozenset[int]] = frozenset()

SENDS: Final[dict[Role, dict[State, frozenset[int]]]] = {
    Role.ESME: {
        State.OPEN: cmd.BINDS | _ALWAYS,
        State.BOUND_TX: _SUBMIT | _UNBIND | _ALWAYS,
        State.BOUND_RX: _UNBIND | _ALWAYS,
        State.BOUND_TRX: _SUBMIT | _UNBIND | _ALWAYS,
        State.UNBINDING: _ALWAYS,
        State.CLOSED: _NONE,
    },
    Role.MC: {
        State.OPEN: frozenset({cmd.OUTBIND}) | _ALWAYS,
        State.BOUND_TX: _UNBIND | _ALWAYS,
        State.BOUND_RX: _DELIVER | _UNBIND | _ALWAYS,
        State.BOUND_TRX: _DELIVER | _UNBIND | _ALWAYS,
        State.UNBINDING: _ALWAYS,
        State.CLOSED: _NONE,
    },
}
"""Commands that a side may send, by the standard: by its role and its state."""

TOLERATED: Final[dict[Role, dict[State, frozenset[int]]]] = {
    Role.ESME: {
        State.UNBINDING: _UNBIND,
    },
    Role.MC: {
        # Some message centres send receipts to a transmitter too. A deliver_sm that
        # crosses our unbind is accepted, or it would be lost.
        State.BOUND_TX: _DELIVER,
        State.UNBINDING: _DELIVER | _UNBIND,
    },
}
"""Commands that we also accept from the peer: by its role and our state."""

_PEER: Final = {Role.ESME: Role.MC, Role.MC: Role.ESME}

TAKES: Final[dict[Role, dict[State, frozenset[int]]]] = {
    role: {
        state: sent | TOLERATED[peer].get(state, _NONE)
        for state, sent in SENDS[peer].items()
    }
    for role, peer in _PEER.items()
}
"""Commands that a side accepts from its peer: by its own role and state."""
