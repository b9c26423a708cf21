"""A gateway between simulated phones and a customer's server on node."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from journeys.customer import NodeCustomer
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import wait_until
from journeys.web import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from journeys.customer import Asked
    from journeys.web import Answer

    Own = Callable[[Any], Any]

SHARED = "2229"
OWNED = "4759000000"
SECRET = "twoway-secret"


def access(dialect: str, number: str = "", **settings: Any) -> dict[str, Any]:
    """An access of an account; its password is ``SECRET``."""
    found = {"dialect": dialect, "password": SECRET, "require_https": False}
    if number:
        found["id"] = number
    return {**found, "settings": settings}


class TwoWay:
    """
    The site of one journey.

    Args:
        folder: Its own.
        own: Closes what is made.
        account: Makes the account, given where paths of the customer's server are.
        database: PostgreSQL's URL; empty: SQLite.
        answers: Of the customer's server, by path.

    """

    def __init__(
        self,
        folder: Path,
        own: Own,
        account: Callable[[Callable[[str], str]], Mapping[str, Any]],
        database: str = "",
        /,
        **answers: Any,
    ) -> None:
        self.customer: NodeCustomer = own(NodeCustomer(folder, **answers))
        whole = {"name": "acme", "originators": ["*"], **account(self.customer.url)}
        self.gateway: Gateway = own(
            Gateway(
                folder,
                simulator_carrier(delivery_delay=0.1),
                [whole],
                {"simulator": {"enabled": True}},
                [{"value": SHARED}],
                database=database,
            )
        )
        self.gateway.start()

    def say(self, phone: str, text: str, to: str = SHARED) -> None:
        """Write from a phone."""
        answer = self.gateway.ask(
            "POST", f"/simulator/phones/{phone}/messages", {"to": to, "text": text}
        )
        assert 201 == answer.status, answer

    def told(self, count: int, path: str) -> Sequence[Asked]:
        """Wait for so many requests at a path, and until their answers are stored."""

        def there() -> list[Asked]:
            return [each for each in self.customer.asked() if each.path == f"/{path}"]

        wait_until(f"{count} at /{path}", lambda: len(there()) >= count)
        self.gateway.written()
        assert count == len(there())
        return there()

    def heard(self, phone: str, count: int = 1) -> list[tuple[str, str]]:
        """Wait for so many messages on a phone: (from whom, text) of each."""
        wait_until(
            f"{count} on {phone}", lambda: len(self.gateway.phone(phone)) >= count
        )
        rows = self.gateway.phone(phone)
        return [(row["originator"], row["text"]) for row in rows]

    def native(self, method: str, path: str, content: Any = None) -> Answer:
        """Ask the REST API."""
        headers = {"authorization": f"Bearer {SECRET}"}
        if content is not None:
            headers["content-type"] = "application/json"
        body = None if content is None else json.dumps(content).encode()
        return ask(self.gateway.port, method, f"/v1{path}", body, headers)
