"""
Septets packed into octets (3GPP TS 23.038 § 6.1.2).

Seven octets hold eight septets, so after 7, 15, 23 ... septets seven bits are left
over, and a receiver that only knows the number of octets reads them as one more ``@``.
A TPDU has the number of septets (TP-UDL) and no such trouble: there the bits are zero.
Where nothing but the octets is sent (USSD, packed text in SMPP), a carriage return
fills them, and a text which itself ends in one on an octet boundary gets another. Some
operators leave them zero all the same (``Filling``).
"""

from __future__ import annotations

from enum import StrEnum

CARRIAGE_RETURN = 0x0D

# Septets as text of seven binary digits: int() reads and format() writes those in C.
_DIGITS = [f"{septet & 0x7F:07b}" for septet in range(256)]
_SEPTETS = {f"{septet:07b}": septet for septet in range(128)}


def pack(septets: bytes, fill_bits: int = 0, *, counted: bool = True) -> bytes:
    """
    Pack septets, one an octet, into octets.

    Args:
        septets: Values below 0x80; higher bits are cut off.
        fill_bits: Zero bits before the first septet (after a user data header, see
            ``fill_bits_after``).
        counted: Whether the receiver is told how many septets there are. Otherwise
            carriage returns are added as § 6.1.2.3.1 says.

    """
    if not counted and _needs_return(septets, fill_bits):
        septets += bytes((CARRIAGE_RETURN,))
    bits = fill_bits + 7 * len(septets)
    digits = "".join(map(_DIGITS.__getitem__, reversed(septets)))
    number = int(digits or "0", 2) << fill_bits
    return number.to_bytes((bits + 7) // 8, "little")


def _needs_return(septets: bytes, fill_bits: int) -> bool:
    spare = -(fill_bits + 7 * len(septets)) % 8
    if spare == 7:
        return True
    return spare == 0 and septets.endswith(b"\r")


def unpack(octets: bytes, count: int | None = None, fill_bits: int = 0) -> bytes:
    """
    Unpack octets into septets, one an octet; never fails.

    Args:
        octets: As they were sent.
        count: How many septets there are (fewer are returned if the octets end
            early). ``None``: as many as fit, and a carriage return which ends on an
            octet boundary is taken for filling (§ 6.1.2.3.1).
        fill_bits: Bits to skip before the first septet.

    """
    room = max(0, 8 * len(octets) - fill_bits) // 7
    wanted = room if count is None else max(0, min(count, room))
    bits = 7 * wanted
    number = (int.from_bytes(octets, "little") >> fill_bits) & ((1 << bits) - 1)
    digits = f"{number:0{bits}b}" if bits else ""
    septets = bytes([_SEPTETS[digits[at - 7 : at]] for at in range(bits, 0, -7)])
    ends_on_boundary = (fill_bits + bits) % 8 == 0
    if count is None and ends_on_boundary and septets.endswith(b"\r"):
        return septets[:-1]
    return septets


class Filling(StrEnum):
    """What a sender of packed text puts where seven bits are left over."""

    RETURN = "return"
    """A carriage return (§ 6.1.2.3.1): a last ``@`` is text."""
    ZERO = "zero"
    """Nothing: a last ``@`` that ends on an octet boundary is none."""
    GUESS = "guess"
    """Not known: one ``@`` at the end is none, of several each is text."""


def without_filling(septets: bytes, filling: Filling, fill_bits: int = 0) -> bytes:
    """
    Leave out the ``@`` that seven zero bits at the end of a text were read as.

    Args:
        septets: As ``unpack`` gave them; those of the end of a text, not of a part
            before the last.
        filling: What its sender does.
        fill_bits: Bits that were skipped before the first one.

    """
    at_boundary = (fill_bits + 7 * len(septets)) % 8 == 0
    if not (at_boundary and septets.endswith(b"\0")) or filling is Filling.RETURN:
        return septets
    if filling is Filling.GUESS and septets.endswith(b"\0\0"):
        return septets
    return septets[:-1]


def fill_bits_after(header: bytes) -> int:
    """Count the bits from a header (its length octet included) to the next septet."""
    return -8 * len(header) % 7
