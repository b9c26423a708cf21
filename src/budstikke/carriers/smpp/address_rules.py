"""Which type of number and numbering plan the senders of a carrier get."""

import re
from typing import Annotated

from msgspec import Meta, Struct

Octet = Annotated[int, Meta(ge=0, le=255)]
NumberPlan = tuple[Octet, Octet]
"""(type of number, numbering plan indicator), SMPP 3.4 § 5.2.5 and § 5.2.6."""


def check_pattern(pattern: str, where: str) -> None:
    """Refuse a broken regular expression; raises ValueError with the setting's name."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{where}: {error}") from error


class AddressRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TON and NPI of senders that match a pattern as a whole."""

    pattern: str
    ton: Octet
    npi: Octet

    def __post_init__(self) -> None:
        """Raise ValueError if the pattern is not a regular expression."""
        check_pattern(self.pattern, "pattern")


ADDRESS_RULES = (
    AddressRule(pattern=r"[0-9]{1,6}", ton=3, npi=0),
    AddressRule(pattern=r"\+?[0-9]+", ton=1, npi=1),
    AddressRule(pattern=r".*", ton=5, npi=0),
)
"""Short numbers, international numbers, and the rest, which is text."""
