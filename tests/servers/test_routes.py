"""From a method and a path to an operation, whichever dialect has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.dialects.contract import UNROUTED
from budstikke.servers.routes import Routed, Routes

if TYPE_CHECKING:
    from collections.abc import Mapping


class Plain:
    """A dialect of old clients, which write paths as they like."""

    routes: Mapping[tuple[str, str], str] = {
        ("GET", "/send.php"): "send",
        ("POST", "/send.php"): "post",
        ("GET", "/a1/sms/{id}"): "look",
        ("GET", "/a1/sms/new"): "new",
    }


class Owner:
    """A dialect to which all below a prefix belongs."""

    prefix = "/v9/"
    routes: Mapping[tuple[str, str], str] = {
        ("GET", "/v9/things"): "list",
        ("PUT", "/v9/things/{name}"): "put",
        ("DELETE", "/v9/things/{name}"): "delete",
        ("PUT", "/v9/things/{name}/members/{number}"): "add",
    }


PLAIN, OWNER = Plain(), Owner()
ROUTES = Routes([PLAIN, OWNER])  # type: ignore[list-item]  # as much as routes need


def find(method: str, path: str, raw: str = "") -> Any:
    return ROUTES.find(method, path, raw or path)


@pytest.mark.parametrize("path", ["/send.php", "/SEND.php", "/Send.PHP"])
def test_a_common_path_is_found_in_any_case(path: str) -> None:
    assert Routed(PLAIN, "send") == find("GET", path)  # type: ignore[arg-type]
    assert "post" == find("POST", path).operation


def test_another_method_is_told_which_there_are() -> None:
    assert frozenset({"GET", "POST"}) == find("PUT", "/send.php")
    assert frozenset({"GET"}) == find("POST", "/a1/sms/1")


def test_no_dialect_has_the_path() -> None:
    for path in ("/", "/send", "/send.php/", "/a1/sms", "/a1/sms/1/2", "/v9"):
        assert find("GET", path) is None


def test_a_parameter_is_given_as_it_is_on_the_wire() -> None:
    found = find("GET", "/A1/SMS/a/b", "/A1/SMS/a%2Fb")
    assert ("look", {"id": "a%2Fb"}) == (found.operation, found.parameters)
    assert "new" == find("GET", "/a1/sms/new").operation


def test_parameters_of_several_pieces() -> None:
    found = find("PUT", "/v9/things/x/members/+47")
    assert ("add", {"name": "x", "number": "+47"}) == (
        found.operation,
        found.parameters,
    )


@pytest.mark.parametrize("path", ["/v9/Things", "/v9/things/", "/v9/", "/v9/other"])
def test_below_an_owned_prefix_paths_are_exact_and_the_owners(path: str) -> None:
    found = find("GET", path)
    assert (OWNER, UNROUTED) == (found.dialect, found.operation)
    assert not (found.allowed and path != "/v9/things/")


def test_the_owner_hears_which_methods_its_path_has() -> None:
    found = find("PATCH", "/v9/things/x")
    assert (UNROUTED, {"PUT", "DELETE"}) == (found.operation, set(found.allowed))
    assert find("GET", "/V9/things") is None, "the prefix is exact, too"


def test_the_fast_path_has_common_gets_without_parameters() -> None:
    assert {b"/send.php", b"/a1/sms/new"} == set(ROUTES.gets)
