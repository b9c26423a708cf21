"""Settings that the apply file does not hold: the environment does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers import KINDS
from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.provisioning.source import read_file
from budstikke.provisioning.values import ApplyError

if TYPE_CHECKING:
    from budstikke.provisioning.resources import File

OLD, NEW = ("whsec_" + letter * 32 for letter in "ab")
ENVIRON = {
    "TOKEN": "a token",
    "OLD": OLD,
    "NEW": NEW,
    "BAD": "whsec_nope!",
    "EMPTY": "",
    "SMPP_PASSWORD": "geheim",
}
SMPP = "host = 'smsc.example', system_id = 'a'"


def read(text: str) -> File:
    dialects = {name: dialect.settings for name, dialect in DIALECTS.items()}
    carriers = {name: kind.settings for name, kind in KINDS.items()}
    return read_file(text, dialects, carriers, ENVIRON, IDENTIFY)


def access(settings: str, *, more: str = "") -> str:
    return f"""
[[account]]
name = "acme"
[[account.access]]
dialect = "native"
password_env = "TOKEN"
{more}
settings = {{ {settings} }}
"""


def carrier(settings: str, more: str = "kind = 'smpp'") -> str:
    return f"[[carrier]]\nname = 'a'\n{more}\nsettings = {{ {SMPP}, {settings} }}"


def settings_of(text: str) -> dict[str, Any]:
    file = read(text)
    if file.carrier:
        return file.carrier[0].settings
    return file.account[0].access[0].settings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (access("webhook_secrets_env = ['NEW', 'OLD']"), [NEW, OLD]),
        (access("webhook_secrets_env = ['OLD']"), [OLD]),
        (carrier("password_env = 'SMPP_PASSWORD'"), "geheim"),
        (carrier("password_env = 'SMPP_PASSWORD'", ""), "geheim"),
    ],
)
def test_a_setting_is_read_from_the_environment(text: str, expected: object) -> None:
    settings = settings_of(text)
    assert expected in (settings.get("webhook_secrets"), settings.get("password"))
    assert not any(key.endswith("_env") for key in settings)


def test_what_is_removed_needs_no_variable() -> None:
    read(access("webhook_secrets_env = ['GONE']", more="remove = true"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            access("webhook_secrets_env = ['NEW', 'GONE']"),
            "settings: webhook_secrets_env: GONE is not set",
        ),
        (
            access("webhook_secrets_env = ['EMPTY', 'GONE']"),
            "settings: webhook_secrets_env: EMPTY, GONE are not set",
        ),
        (
            access(f"webhook_secrets_env = ['NEW'], webhook_secrets = ['{OLD}']"),
            "settings: give webhook_secrets or webhook_secrets_env, not both",
        ),
        (
            access("webhook_secrets_env = [5]"),
            "settings: webhook_secrets_env: expected the name of a variable, or a list",
        ),
        (access("webhook_secrets_env = 'NEW'"), "settings: webhook_secrets: expected"),
        (access("webhook_secrets_env = ['BAD']"), "settings: webhook_secrets: [0]: "),
        (access("webhook_secret_env = ['NEW']"), "no key `webhook_secret_env`"),
        (carrier("password_env = 'GONE'"), "settings: password_env: GONE is not set"),
    ],
)
def test_a_fault_names_the_variable_and_never_its_value(
    text: str, expected: str
) -> None:
    with pytest.raises(ApplyError) as raised:
        read(text)
    assert expected in str(raised.value)
    assert not any(value in str(raised.value) for value in ENVIRON.values() if value)
