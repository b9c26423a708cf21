"""URLs in the delivery log."""

from __future__ import annotations

import pytest

from budstikke.domain.masking import masked

HOST = "https://kunde.no/in"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (HOST, HOST),
        ("https://ola:nord@kunde.no/in", "https://***@kunde.no/in"),
        ("https://a@b@kunde.no/in", "https://***@kunde.no/in"),
        ("https://ola@kunde.no", "https://***@kunde.no"),
        (f"{HOST}?mail=a@b.no", f"{HOST}?mail=a@b.no"),
        (f"{HOST}/x@y", f"{HOST}/x@y"),
        *(
            (f"{HOST}?a=1&{name}=xyz&b=2#c", f"{HOST}?a=1&{name}=***&b=2#c")
            for name in (
                "password",
                "PassWord",
                "passwd",
                "pass",
                "db_pass",
                "key",
                "apikey",
                "api-key",
                "x.key",
                "token",
                "access_token",
                "client_secret",
                "auth",
                "sig",
                "signature",
                "p%61ssword",
            )
        ),
        *(
            (f"{HOST}?{pair}", f"{HOST}?{pair}")
            for pair in (
                "keyword=VIPPS",
                "prefix=KEY",
                "msg=password",
                "token",
                "token=",
                "monkey=1",
                "compass=n",
                "code=JA",
            )
        ),
        (f"{HOST}?token=a;key=b&c=d", f"{HOST}?token=***;key=***&c=d"),
        (f"{HOST}?token=a=b", f"{HOST}?token=***"),
    ],
)
def test_masked(url: str, expected: str) -> None:
    assert expected == masked(url)
