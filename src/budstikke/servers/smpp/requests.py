"""
The requests of a bound customer: each becomes an order or a query, and its response.

``SmppSession`` calls ``Requests`` with each request, and writes the response that comes
of it. Nothing here knows the connection.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from budstikke.dialects.smpp import NAME
from budstikke.dialects.smpp.ids import write_id
from budstikke.dialects.smpp.operations import (
    multi_response,
    query_response,
    read_cancel,
    read_query,
)
from budstikke.dialects.smpp.request import read_submit
from budstikke.dialects.smpp.statuses import status_of
from budstikke.domain.queries import CancelAnswer, MessagesAnswer
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.asgi import Tally
from budstikke.smpp import Body, Pdu
from budstikke.smpp import status as st
from budstikke.smpp.pdus import (
    CancelSm,
    DataSm,
    MessageId,
    QuerySm,
    ReplaceSm,
    Sm,
    SubmitMulti,
)
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.dialects.smpp.settings import Settings
    from budstikke.domain.directory import Access, Directory
    from budstikke.servers.contract import HandlesQueries
    from budstikke.servers.smpp.limits import RateLimits
    from budstikke.servers.smpp.segments import SegmentJoiner

log = logging.getLogger("budstikke.smpp")


class Response(NamedTuple):
    """A response: its command_status, and its body (``None``: the default one)."""

    status: int
    body: Body | None = None


class Customer(NamedTuple):
    """Who asks: the access, by id, and the client's interface_version."""

    access_id: int
    version: int


RequestBody: TypeAlias = Sm | SubmitMulti | DataSm | QuerySm | CancelSm | ReplaceSm
REQUESTS: Final = (Sm, SubmitMulti, DataSm, QuerySm, CancelSm, ReplaceSm)


class Requests:
    """
    Answers the requests of bound customers.

    Args:
        directory: Gives the directory as it is now.
        joiner: Accepts orders, once the segments of their texts are here.
        queries: Answers queries and commands.
        rates: Counts messages.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        directory: Callable[[], Directory],
        joiner: SegmentJoiner,
        queries: HandlesQueries,
        rates: RateLimits,
        clock: Callable[[], float],
    ) -> None:
        self._directory = directory
        self._joiner = joiner
        self._queries = queries
        self._rates = rates
        self._clock = clock
        self._tally = Tally()

    def access(self, access_id: int) -> Access:
        """Return a session's access as it is now; raises Refusal if it may no more."""
        access = self._directory().accesses.get(access_id)
        if access is None or access.dialect != NAME:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        if access.blocked or access.account.blocked:
            raise Refusal(RefusalCode.ACCOUNT_BLOCKED)
        return access

    async def answer(
        self, pdu: Pdu, body: RequestBody, customer: Customer, under_way: int
    ) -> Response:
        """
        Answer a request; never raises.

        ``under_way``: how many requests of the session wait for their response, with
        this one.
        """
        started = time.perf_counter()
        result = "accepted"
        settings: Settings | None = None
        try:
            access = self.access(customer.access_id)
            settings = access.settings
            self._admit(body, access, under_way)
            response = await self._work(pdu, body, access, customer.version)
        except Refusal as refusal:
            result = refusal.code.value
            response = _refused(refusal, body, settings)
        except StoreUnavailable as error:
            log.warning("refused a request, the database is unavailable: %s", error)
            result = RefusalCode.STORAGE_DOWN.value
            response = Response(st.ESME_RSYSERR)
        except Exception:
            log.exception("request failed: internal error in %s", NAME)
            result = RefusalCode.INTERNAL.value
            response = Response(st.ESME_RSYSERR)
        self._tally.count(NAME, result, time.perf_counter() - started)
        return response

    def _admit(self, body: RequestBody, access: Access, under_way: int) -> None:
        """Refuse what comes too fast: nothing of it is kept."""
        settings: Settings = access.settings
        count = len(body.destinations) if isinstance(body, SubmitMulti) else 1
        sends = isinstance(body, Sm | SubmitMulti | DataSm)
        if under_way > settings.window or (
            sends and not self._rates.take(access.id, settings.rate, count)
        ):
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)

    async def _work(
        self, pdu: Pdu, body: RequestBody, access: Access, version: int
    ) -> Response:
        settings: Settings = access.settings
        if isinstance(body, QuerySm):
            query = read_query(body, settings)
            answer = await self._queries.handle(query, access)
            assert isinstance(answer, MessagesAnswer)  # noqa: S101 - the contract
            return Response(0, query_response(answer, access.id, body))
        if isinstance(body, CancelSm):
            done = await self._queries.handle(read_cancel(body, settings), access)
            assert isinstance(done, CancelAnswer)  # noqa: S101 - the contract
            return Response(0 if done.cancelled else st.ESME_RCANCELFAIL)
        if isinstance(body, ReplaceSm):
            return Response(st.ESME_RREPLACEFAIL)
        submit = read_submit(pdu, body, settings, self._clock())
        accepted = await self._joiner.accept(submit, access)
        message_id = write_id(settings.message_ids, accepted.order_id, version)
        if isinstance(body, SubmitMulti):
            return Response(*multi_response(body, accepted, message_id))
        return Response(0, MessageId(message_id))


def _refused(
    refusal: Refusal, body: RequestBody, settings: Settings | None
) -> Response:
    """Write a refusal in the words of the operation."""
    if refusal.code is RefusalCode.BAD_FIELD and refusal.field == "message_id":
        if isinstance(body, QuerySm):
            return Response(st.ESME_RQUERYFAIL)
        if isinstance(body, CancelSm):
            return Response(st.ESME_RCANCELFAIL)
    if settings is None:
        return Response(status_of(refusal))
    return Response(status_of(refusal, settings.throttle_status))
