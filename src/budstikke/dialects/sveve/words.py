"""
Sveve's words for refusals, in Norwegian, to the letter.

``WORDS`` has the words of a refusal; ``BY_FIELD`` those of a parameter at fault. Some
depend on the caller or the number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from budstikke.dialects.bounds import shown
from budstikke.dialects.sveve.order import HOME, NATIONAL_DIGITS
from budstikke.dialects.sveve.request import fields_of
from budstikke.domain.number import Length, length
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.contract import Call
    from budstikke.domain.refusal import Refusal

_R = RefusalCode

WRONG_LOGIN = "Feil brukernavn/passord"
WRONG_ADDRESS = "Feil brukernavn/IP ({user}, {address})"
NO_GROUP = "Gruppen finnes ikke: {name}"
TOO_SHORT = "Telefonnummeret består av for få siffer"
TOO_LONG = "Telefonnummeret består av for mange siffer"
NOT_MOBILE = "Telefonnummeret er ikke et mobilnummer"
OUR_FAULT = "Teknisk feil, prøv igjen senere"
NO_RECIPIENT = "Mottaker mangler"
NO_TEXT = "Meldingstekst mangler"
BAD_RECURRENCE = "Ugyldig gjentakelse"
BAD_REPLY = "Ugyldig reply_id"
BAD_SENDER = "Ugyldig avsender"
BAD_PRICE = "Ugyldig pris"
BAD_COUNT = "Ugyldig antall (500-50000)"
BAD_COMMAND = "Ugyldig kommando"
GROUP_MISSING = "Gruppe mangler"
PREPAID_ONLY = "Gjelder kun forhåndsbetalte kontoer"
WAITING = "Bestillingen venter på godkjenning"

WORDS: Mapping[RefusalCode, str] = {
    _R.MISSING_LOGIN: WRONG_LOGIN,
    _R.UNKNOWN_LOGIN: WRONG_LOGIN,
    _R.WRONG_PASSWORD: WRONG_LOGIN,
    _R.ADDRESS_NOT_ALLOWED: WRONG_ADDRESS,
    _R.HTTPS_REQUIRED: "Kryptering mangler, bruk https",
    _R.ACCOUNT_BLOCKED: "Kontoen er sperret",
    _R.TOO_MANY_REQUESTS: "For mange samtidige forespørsler",
    _R.MALFORMED: "Ugyldig forespørsel",
    _R.TOO_LARGE: "Forespørselen er for stor",
    _R.MISSING_FIELD: "Parameter mangler",
    _R.BAD_FIELD: "Ugyldig parameter",
    _R.BAD_RECIPIENT: NOT_MOBILE,
    _R.NOT_MOBILE: NOT_MOBILE,
    _R.COUNTRY_NOT_ALLOWED: "Brukeren har ikke tilgang til å sende meldinger til dette "
    "landet",
    _R.NO_ROUTE: "Meldinger kan ikke sendes til dette nummeret",
    _R.BAD_ORIGINATOR: BAD_SENDER,
    _R.BAD_PRICE: BAD_PRICE,
    _R.PREMIUM_NOT_ALLOWED: "Ikke tilgang til taksering",
    _R.PREMIUM_BAD_RECIPIENT: "Telefonnummeret kan ikke takseres",
    _R.PREMIUM_TOO_LONG: "Taksert melding er for lang (maks 160 tegn)",
    _R.TEXT_TOO_LONG: "Meldingsteksten er for lang (maks 1071 tegn)",
    _R.BAD_CHARACTERS: "Ugyldige tegn i meldingsteksten",
    _R.UNKNOWN_GROUP: NO_GROUP,
    _R.BLACKLISTED: "Telefonnummeret er sperret",
    _R.OPTED_OUT: "Mottakeren har reservert seg",
    _R.DUPLICATE: "Meldingen er allerede sendt",
    _R.NO_CREDIT: "Ikke nok SMS igjen på kontoen",
    _R.SPEND_CAP: "Kontoens forbruksgrense er nådd",
    _R.HELD: "Meldingen er holdt tilbake",
    _R.STORAGE_DOWN: OUR_FAULT,
    _R.INTERNAL: OUR_FAULT,
}

BY_FIELD: Mapping[str, str] = {
    "user": WRONG_LOGIN,
    "passwd": WRONG_LOGIN,
    "to": NO_RECIPIENT,
    "msg": NO_TEXT,
    "from": BAD_SENDER,
    "reply_id": BAD_REPLY,
    "reply_to": BAD_REPLY,
    "price": BAD_PRICE,
    "date_time": "Ugyldig dato/klokkeslett",
    "reoccurrence": BAD_RECURRENCE,
    "reoccurrence_ends": BAD_RECURRENCE,
    "ends_after": BAD_RECURRENCE,
    "ends_on": BAD_RECURRENCE,
    "ref": "Ref kan ikke overskride 36 tegn",
    "cmd": BAD_COMMAND,
    "count": BAD_COUNT,
    "group": GROUP_MISSING,
    "new_group": GROUP_MISSING,
    "number": NO_RECIPIENT,
    "prepaid": PREPAID_ONLY,
}
"""Words by parameter that is missing or bad; ``prepaid`` is the account's."""

OF_RECIPIENTS = frozenset(
    {
        _R.BAD_RECIPIENT,
        _R.NOT_MOBILE,
        _R.COUNTRY_NOT_ALLOWED,
        _R.NO_ROUTE,
        _R.PREMIUM_BAD_RECIPIENT,
        _R.UNKNOWN_GROUP,
        _R.BLACKLISTED,
        _R.OPTED_OUT,
        _R.DUPLICATE,
    }
)
"""Words about one recipient, not about the whole request."""

_BY_LENGTH = {Length.SHORT: TOO_SHORT, Length.LONG: TOO_LONG, Length.RIGHT: NOT_MOBILE}
_LOGIN = frozenset({_R.UNKNOWN_LOGIN, _R.WRONG_PASSWORD})


_by_country = re.compile(r"\s|\+|00|47").match
"""A number that begins with a country code, or with a blank for its ``+``."""


def of_recipient(code: RefusalCode, written: str) -> str:
    """Return why a recipient was refused; ``written``: the number or group."""
    if code is _R.BAD_RECIPIENT:
        return _BY_LENGTH[_length(written)]
    if code is _R.UNKNOWN_GROUP:
        return no_group(written)
    return WORDS[code]


def no_group(name: str) -> str:
    """Say that a group does not exist, or is empty."""
    return NO_GROUP.format(name=shown(name))


def _length(written: str) -> Length:
    """Return ``domain.number.length``; cached, since it takes 20 µs."""
    if not (written.isascii() and written.isdigit()) or _by_country(written):
        return length(written, HOME)
    if len(written) == NATIONAL_DIGITS:
        return Length.RIGHT
    return Length.SHORT if len(written) < NATIONAL_DIGITS else Length.LONG


def of_request(call: Call, refusal: Refusal) -> str:
    """Return why a whole request was refused."""
    code = refusal.code
    if code is _R.ADDRESS_NOT_ALLOWED or (code in _LOGIN and _by_address(call)):
        user = fields_of(call).get("user")
        named = shown(str(user or ""))
        return WRONG_ADDRESS.format(user=named, address=call.request.client)
    if code in (_R.MISSING_FIELD, _R.BAD_FIELD):
        return BY_FIELD.get(refusal.field, WORDS[code])
    if code in OF_RECIPIENTS:
        return of_recipient(code, refusal.value)
    return WORDS[code]


def _by_address(call: Call) -> bool:
    """Whether a caller logs in by address: a user without a password."""
    fields = fields_of(call)
    password = fields.get("passwd") or ""
    return bool(fields.get("user")) and not str(password).strip()
