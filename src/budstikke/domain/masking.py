"""URLs without their secrets, for records that people read. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

HIDDEN = "***"

_userinfo = re.compile(r"^([^/?#]*//)[^/?#]*@").sub
_pair = re.compile(r"([?&;])([^=&;#?]*)=([^&;#]*)").sub
_secret = re.compile(
    r".*(?:passw(?:or)?d|passphrase|pwd|token|secret|signature|credential).*"
    r"|(?:.*[-_.]|api|access|auth)?(?:key|auth|sig|pass)",
    re.IGNORECASE | re.DOTALL,
).fullmatch


def masked(url: str) -> str:
    """
    Mask the secrets in a URL: user, password, and values of secret parameters.

    A parameter's name says whether it is secret: ``password``, ``token``, ``api_key`` …
    """
    return _pair(_mask_pair, _userinfo(rf"\1{HIDDEN}@", url))


def _mask_pair(pair: re.Match[str]) -> str:
    before, name, value = pair.groups()
    if value and _secret(unquote_plus(name)):
        return f"{before}{name}={HIDDEN}"
    return pair[0]
