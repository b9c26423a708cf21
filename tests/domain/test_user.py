"""Users of the console: what is a password, when a lock ends, who may do what."""

import pytest

from budstikke.domain.roles import PERMISSIONS, Permission, Role, permissions
from budstikke.domain.totp import STEP, code_at, matching_step, provisioning_uri
from budstikke.domain.user import (
    PasswordFault,
    lock_seconds,
    normal_mail,
    normal_name,
    password_fault,
)

OWN = Permission.OWN_PROFILE
READ = Permission.READ_MESSAGES
SEND = Permission.SEND_MESSAGES
API = Permission.SET_UP_API
MEMBERS = Permission.MANAGE_MEMBERS
RUN = Permission.RUN_INSTALLATION

MAY = {
    Role.READER: {OWN, READ},
    Role.SENDER: {OWN, READ, SEND},
    Role.DEVELOPER: {OWN, READ, SEND, API},
    Role.ADMINISTRATOR: {OWN, READ, SEND, API, MEMBERS},
    Role.OPERATOR: {OWN, READ, SEND, API, MEMBERS, RUN},
}


def test_roles_may_do_what_the_table_says() -> None:
    assert MAY == PERMISSIONS
    for role in set(Role) - {Role.OPERATOR}:
        assert MAY[role] == permissions({7: role}, 7)
        assert {OWN} == permissions({7: role}, 8)
        assert {OWN} == permissions({0: role}, 7), "only operators are so everywhere"
    assert MAY[Role.OPERATOR] == permissions({0: Role.OPERATOR}, 7)
    assert {OWN} == permissions({7: Role.OPERATOR}, 7)
    assert {OWN} == permissions({}, 7)


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("korrekt hest", None),
        ("aB3$aB3$aB", None),
        ("ni tegn.!", PasswordFault.SHORT),
        ("", PasswordFault.SHORT),
        ("x y" * 67, PasswordFault.LONG),
        ("Passord123", PasswordFault.COMMON),
        ("1234567890", PasswordFault.COMMON),
        ("ababababab", PasswordFault.COMMON),
        ("kari.holm@example.com", PasswordFault.MAIL),
        ("Kari.Holm-1", None),
    ],
)
def test_passwords(password: str, fault: PasswordFault | None) -> None:
    assert fault == password_fault(password, "kari.holm@example.com")


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 60), (6, 120), (8, 480), (9, 900), (10_000, 900)],
)
def test_locks(failures: int, seconds: float) -> None:
    assert seconds == lock_seconds(failures)


def test_mail_addresses_and_names_have_one_form() -> None:
    assert "kari@example.com" == normal_mail(" Kari@Example.COM\n")
    for wrong in (
        *("", "kari", "kari@", "@example.com", "kari@example", "a b@example.com"),
        *("a@b@example.com", "a@example.com, b@example.com", "a\n@example.com"),
        *("<a@example.com>", f"{'a' * 250}@example.com", "a\x00@example.com"),
    ):
        with pytest.raises(ValueError, match="not a mail address"):
            normal_mail(wrong)
    assert "Kari Holm" == normal_name("  Kari \t Holm ")
    for wrong in ("", " ", "x" * 101, "Kari\x1b[2J"):
        with pytest.raises(ValueError, match="not a name"):
            normal_name(wrong)


SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
"""RFC 6238, appendix B: "12345678901234567890"."""


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1234567890, "005924"),
        (20000000000, "353130"),
    ],
)
def test_codes_of_rfc_6238(at: int, code: str) -> None:
    assert code == code_at(SECRET, at // STEP)
    for drift, matches in (
        (-60, False),
        (-30, True),
        (0, True),
        (30, True),
        (60, False),
    ):
        found = matching_step(SECRET, f" {code[:3]} {code[3:]}", at + drift + 0.5)
        assert (at // STEP if matches else None) == found
    for wrong in ("", code[:5], code + "0", "١٢٣٤٥٦", "\udc80"):
        assert None is matching_step(SECRET, wrong, at)


def test_the_uri_for_apps() -> None:
    assert (
        "otpauth://totp/Bud%20%26%20co:kari%2Bx@example.com?secret=ABC"
        "&issuer=Bud%20%26%20co"
    ) == provisioning_uri("ABC", "kari+x@example.com", "Bud & co")
