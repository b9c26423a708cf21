"""
The register of carriers: one line for each kind.

A kind is a folder here, a page in docs/carriers/ and a row in the contract suite
(tests/carriers/test_contract.py); nothing else in the program names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from budstikke.carriers import http, mm7, smpp
from budstikke.carriers.simulator import carrier as simulated
from budstikke.carriers.simulator.settings import Settings as SimulatorSettings
from budstikke.domain.staging import TextProfile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import msgspec

    from budstikke.carriers.contract import Carrier


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of carrier.

    Attributes:
        settings: The settings of one carrier.
        make: ``(name, settings, *, random, clock)`` to a carrier; one for MMS takes
            ``contents``, too.
        text: Given the settings: how to cut long texts.
        carries: ``sms``, ``mms``.
        most_nodes: Given the settings: how many nodes may bind at once; 0: all.

    """

    settings: type[msgspec.Struct]
    make: Callable[..., Carrier]
    text: Callable[[Any], TextProfile]
    carries: frozenset[str] = frozenset({"sms"})
    most_nodes: Callable[[Any], int] = lambda _: 0


KINDS: Mapping[str, Kind] = {
    "http": Kind(http.Settings, http.carrier, http.text_profile),
    "mm7": Kind(mm7.Settings, mm7.carrier, lambda _: TextProfile(), frozenset({"mms"})),
    "simulator": Kind(
        SimulatorSettings,
        simulated.carrier,
        lambda _: TextProfile(),
        frozenset({"sms", "mms"}),
    ),
    "smpp": Kind(
        smpp.Settings,
        smpp.carrier,
        smpp.text_profile,
        most_nodes=lambda settings: settings.max_nodes,
    ),
}
