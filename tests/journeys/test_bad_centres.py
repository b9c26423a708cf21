"""Message centres that misbehave: the gateway lives, says so, and sends when it can."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import Gateway, account, smpp_carrier
from journeys.processes import wait_until
from journeys.web import front_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

MESSAGES = 20


@pytest.mark.parametrize(
    ("manner", "complaint"),
    [
        ("refusing", "ESME_RBINDFAIL"),
        ("silent", "no answer to bind_transceiver"),
        ("deaf", "no answer"),
        ("cutting", "is down"),
        ("babbling", "length of"),
    ],
)
def test_one_that_gets_well(
    tmp_path: Path, own: Own, manner: str, complaint: str
) -> None:
    centre = own(MessageCentre(tmp_path, manner=manner))
    centre.start()
    carrier = smpp_carrier(centre.port, window=50, response_timeout=1)
    rules = account(unsure="resend", unsure_after=1.0)
    gateway = own(Gateway(tmp_path, carrier, [rules]))
    gateway.start()
    recipients = {f"+47900060{number:02}" for number in range(MESSAGES)}

    for recipient in recipients:
        front_id(gateway.push(recipient, "Hei"))
    wait_until(
        f"it says {complaint!r}",
        lambda: any(complaint in line["step"] for line in gateway.log("warning")),
    )
    # It goes on taking messages meanwhile.
    front_id(gateway.push("+4790006100", "Hei"))
    assert gateway.ask("GET", "/healthz").status == 200
    centre.behave(manner="well")

    wait_until(
        "all are delivered", lambda: gateway.parts() == {"delivered": MESSAGES + 1}
    )
    assert recipients <= centre.recipients().keys()
    assert [] == gateway.log("error")
    assert len(gateway.log("warning")) < 100


def test_one_that_answers_twice(tmp_path: Path, own: Own) -> None:
    centre = own(MessageCentre(tmp_path, manner="doubling"))
    centre.start()
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port, window=50)))
    gateway.start()
    recipients = [f"+47900060{number:02}" for number in range(MESSAGES)]

    for recipient in recipients:
        front_id(gateway.push(recipient, "Hei"))

    wait_until("all are sent", lambda: gateway.parts() == {"sent": MESSAGES})
    assert dict.fromkeys(recipients, 1) == centre.recipients()
    assert [] == gateway.log("error")
    centre.behave(manner="well")
    wait_until("all are delivered", lambda: gateway.parts() == {"delivered": MESSAGES})
