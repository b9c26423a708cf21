"""
Accepts outbound MMS, and queues them for a carrier.

An MMS is a message with one part; its content is a row of its own, which the carrier
reads right before sending.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.message import NotifyOn
from budstikke.domain.mms import ENCODING, LARGEST, size
from budstikke.domain.originator import Kind, allowed, classify, read_grants
from budstikke.domain.queries import MmsAnswer, MmsOrder
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import Traits, in_order, kinds_of, minute_of
from budstikke.domain.states import MessageState, PartState
from budstikke.flow.mms_view_url import LINK, link_medium, path_of
from budstikke.flow.resize_images import File
from budstikke.store.contract import Charge, Draft, MessageRow, MmsRow, PartRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from budstikke.domain.directory import Access, Directory
    from budstikke.flow.resize_images import ImageResizer
    from budstikke.flow.send import Sender
    from budstikke.store.contract import Store

_encode = msgspec.json.Encoder().encode
_answer = msgspec.json.Decoder(MmsAnswer).decode


class MmsAcceptor:
    """
    The step that accepts MMS.

    Args:
        store: Makes them durable.
        senders: By carrier id.
        directory: Returns the current directory.
        clock: Unix seconds.
        resizer: Shrinks pictures.
        random: For secret links.
        base_url: Beginning of links.

    """

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[int, Sender],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        resizer: ImageResizer,
        random: Random,
        base_url: str,
    ) -> None:
        self._store = store
        self._senders = senders
        self._directory = directory
        self._clock = clock
        self._resizer = resizer
        self._random = random
        self._base_url = base_url

    async def accept(self, order: MmsOrder, access: Access) -> MmsAnswer:
        """
        Make an MMS durable, and charge for it.

        Raises Refusal and StoreUnavailable.
        """
        now = self._clock()
        originator = checked_originator(order, access)
        directory = self._directory()
        traits = mms_traits(originator, now)
        route = directory.mms_route(access.account.id, order.recipient, traits)
        if route is None:
            raise Refusal(RefusalCode.NO_ROUTE, value=order.recipient)
        number = self._random.random()
        carriers = in_order(route, route.mms, order.recipient, number)
        carrier_id = self._choose(carriers)
        price = mms_price(access, order.recipient, now)
        check_suppressed(order.recipient, access, directory)
        files = await self._fitted(order, access.account.id)
        answer = MmsAnswer(
            self._store.reserve_ids(1),
            price,
            size(order.text, (file.data for file in files)),
        )
        draft = self._draft(
            order,
            access,
            answer,
            originator=originator,
            carrier_id=carrier_id,
            now=now,
        )
        draft.mms = self._row(order, files, answer.message_id)
        (verdict,) = await self._store.accept([draft], now)
        if verdict.taken:
            return await self._again(order, access)
        if verdict.no_credit:
            raise Refusal(RefusalCode.NO_CREDIT)
        metrics.accepted(access.dialect, 1)
        if carrier_id in self._senders:
            self._senders[carrier_id].stored()
        return answer

    def _choose(self, carriers: Sequence[int]) -> int:
        """Choose the first carrier that is up, or else the first."""
        for carrier_id in carriers:
            sender = self._senders.get(carrier_id)
            if sender is not None and sender.takes():
                return carrier_id
        return carriers[0]

    async def _fitted(self, order: MmsOrder, account: int) -> Sequence[File]:
        """Return the files to send; raises Refusal with ``TOO_LARGE``."""
        files = [File(name, kind, a2b_base64(b64)) for name, kind, b64 in order.files]
        if order.fit:
            room = LARGEST - size(order.text, ())
            return await self._resizer.fit(files, room, account)
        if size(order.text, (file.data for file in files)) > LARGEST:
            raise Refusal(RefusalCode.TOO_LARGE, field="files")
        return files

    def _row(self, order: MmsOrder, files: Sequence[File], message_id: int) -> MmsRow:
        written = [
            (name, kind, b2a_base64(data, newline=False).decode())
            for name, kind, data in files
        ]
        row = MmsRow(order.text, _encode(written), order.subject, order.fallback)
        if row.fallback is not None and LINK in row.fallback:
            medium = link_medium(message_id, self._random)
            row.media = [medium]
            row.fallback = row.fallback.replace(LINK, self._base_url + path_of(medium))
        return row

    def _draft(
        self,
        order: MmsOrder,
        access: Access,
        answer: MmsAnswer,
        *,
        originator: str,
        carrier_id: int,
        now: float,
    ) -> Draft:
        account, message_id = access.account, answer.message_id
        message = MessageRow(
            id=message_id,
            order_id=message_id,
            access_id=access.id,
            recipient=order.recipient,
            originator=originator,
            ref=order.ref,
            encoding=ENCODING,
            segments=1,
            parts=1,
            flash=0,
            protocol_id=0,
            priority=1,
            notify_on=(NotifyOn.FINAL if order.report else NotifyOn.NOTHING).value,
            duplicate_key=None,
            duplicate_until=None,
            accepted_at=now,
            expires_at=now + order.validity,
            state=MessageState.ACCEPTED,
            account_id=account.id,
            price=answer.price,
            refund=account.refund.value,
        )
        part_id = (message_id << 8) + 1
        part = PartRow(part_id, carrier_id, PartState.QUEUED, "", 0, 1, None, None, now)
        draft = Draft([message], [part])
        if account.currency:
            draft.charge = Charge(account.id, message_id, account.credit_limit)
        if order.key:
            draft.key = (order.key, _digest(order), _encode(answer))
        return draft

    async def _again(self, order: MmsOrder, access: Access) -> MmsAnswer:
        """Answer an MMS with a used idempotency key as the first time."""
        stored = await self._store.idempotent_answer(
            access.id, order.key, self._clock()
        )
        if stored is None or stored[0] != _digest(order):
            raise Refusal(RefusalCode.BAD_FIELD, field="key", value=order.key)
        return msgspec.structs.replace(_answer(stored[1]), replayed=True)


def checked_originator(order: MmsOrder, access: Access) -> str:
    """Return the number from which an MMS is sent; raises Refusal."""
    originator = classify(order.originator)
    if (
        originator is None
        or originator.kind is Kind.TEXT
        or not allowed(originator, read_grants(access.account.grants))
    ):
        raise Refusal(RefusalCode.BAD_ORIGINATOR, value=order.originator)
    return originator.value


def mms_traits(originator: str, now: float) -> Traits:
    """Tell what rules may ask about an MMS."""
    kinds = kinds_of(mms=True, flash=False, premium=False)
    return Traits(originator, kinds, minute_of(now))


def check_suppressed(recipient: str, access: Access, directory: Directory) -> None:
    """Refuse a number that is suppressed or has opted out."""
    if recipient in directory.blacklist:
        raise Refusal(RefusalCode.BLACKLISTED, value=recipient)
    if recipient in access.account.opted_out:
        raise Refusal(RefusalCode.OPTED_OUT, value=recipient)


def mms_price(access: Access, recipient: str, now: float) -> int:
    """Return the price of an MMS, micros; raises Refusal if none is sold."""
    account = access.account
    if not account.currency:
        return 0
    price = account.prices.mms(recipient, now) if account.prices else None
    if price is None:
        raise Refusal(RefusalCode.COUNTRY_NOT_ALLOWED, value=recipient)
    return price


def _digest(order: MmsOrder) -> str:
    return sha256(_encode(order)).hexdigest()
