"""Store conformance: in whatever order carriers say things, a model agrees."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budstikke.domain.receipt import ReceiptState
from budstikke.domain.settlement import RECEIPT_TO_PART
from budstikke.domain.states import FINAL_MESSAGE, PartState, message_state
from budstikke.store import schema
from store.path import NOW, Path, batches, receipt, run, status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import CallbackRow
    from store.engines import Engine

OPEN = (PartState.SENDING, PartState.UNSURE)
ANSWERS = (PartState.SENT, PartState.REJECTED, PartState.UNSURE)

Place = tuple[int, int]
"""A part: (message, number), both from 0."""


class Answer(NamedTuple):
    """A carrier answers for a part."""

    part: Place
    state: PartState


class Report(NamedTuple):
    """A receipt for a part; ``serial`` tells those alike apart."""

    part: Place
    state: ReceiptState
    serial: int


class Model:
    """What the store should make of it: states of parts, orphans, final messages."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.parts: dict[Place, PartState] = {
            (message, number): PartState.SENDING
            for message, count in enumerate(counts)
            for number in range(count)
        }
        self.finals: dict[int, str] = {}
        self.orphans: list[Report] = []
        self._named: set[Place] = set()  # parts that a carrier gave an id

    def answers(self, batch: Sequence[Answer]) -> None:
        """Take a batch; a part's second answer in it comes after receipts that wait."""
        some: dict[Place, Answer] = {}
        for answer in batch:
            if answer.part in some:
                self._answers(list(some.values()))
                some = {}
            some[answer.part] = answer
        self._answers(list(some.values()))

    def _answers(self, batch: Sequence[Answer]) -> None:
        now_named: set[Place] = set()
        for part, state in batch:
            if self.parts[part] in OPEN:
                self._move(part, state)
                if state is PartState.SENT:
                    now_named.add(part)
        self._named |= now_named
        early = [report for report in self.orphans if report.part in now_named]
        self.orphans = [r for r in self.orphans if r.part not in now_named]
        self.reports(early)

    def reports(self, batch: Sequence[Report]) -> None:
        for report in batch:
            if report.part not in self._named:
                self.orphans.append(report)
            elif self.parts[report.part] is PartState.SENT:
                after = RECEIPT_TO_PART.get(report.state, PartState.SENT)
                self._move(report.part, after)

    def _move(self, part: Place, state: PartState) -> None:
        self.parts[part] = state
        after = self.state_of(part[0])
        if after in FINAL_MESSAGE:
            self.finals.setdefault(part[0], after)

    def state_of(self, message: int) -> str:
        its = [state for (m, _), state in self.parts.items() if m == message]
        return self.finals.get(message) or message_state(its)


Story = tuple[list[int], list[list[Answer | Report]]]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw messages, what is said of them, its order, and how it comes in batches."""
    counts = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    events: list[Answer | Report] = []
    for place in Model(counts).parts:
        answers = st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=2)
        events += [Answer(place, state) for state in draw(answers)]
        states = draw(st.lists(st.sampled_from(ReceiptState), max_size=3))
        events += [Report(place, state, n) for n, state in enumerate(states)]
    shuffled = draw(st.permutations(events))
    size = draw(st.integers(1, 8))
    runs = [list(run) for _, run in groupby(shuffled, key=type)]
    return counts, [list(batch) for run in runs for batch in batches(size, run)]


async def tell(
    path: Path, batch: Sequence[Answer | Report], ids: dict[Place, int]
) -> list[CallbackRow]:
    """Tell the store a batch."""
    count = Counter(message for message, _ in ids)
    answers = [event for event in batch if isinstance(event, Answer)]
    if answers:
        updates = [
            path.update(ids[part], state, f"{ids[part]}", parts=count[part[0]])
            if state is PartState.SENT
            else path.update(ids[part], state, parts=count[part[0]])
            for part, state in answers
        ]
        return await path.store.record(updates, NOW)
    reports = [event for event in batch if isinstance(event, Report)]
    return await path.settle(*(receipt(f"{ids[r.part]}", r.state) for r in reports))


async def play(path: Path, story: Story) -> None:
    """Play a story on the store and on the model, and compare the two."""
    counts, said = story
    model = Model(counts)
    ids: dict[Place, int] = {}
    for message, count in enumerate(counts):
        for number, part_id in enumerate(await path.sending(parts=count)):
            ids[message, number] = part_id
    told: list[CallbackRow] = []
    for batch in said:
        model.answers([event for event in batch if isinstance(event, Answer)])
        model.reports([event for event in batch if isinstance(event, Report)])
        told += await tell(path, batch, ids)
    assert {ids[part]: state for part, state in model.parts.items()} == path.parts()
    messages = {message: part_id >> 8 for (message, _), part_id in ids.items()}
    found = dict(zip(messages, await path.states(*messages.values()), strict=True))
    assert {message: model.state_of(message) for message in messages} == found
    finals = {messages[message]: state for message, state in model.finals.items()}
    assert sorted(finals.items()) == sorted(
        (row.event.message_id, status(row).state) for row in told
    )
    orphans = [f"{ids[report.part]}" for report in model.orphans]
    assert sorted(orphans) == sorted(path.column("smsc_id", schema.orphan))


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(story=stories())
def test_the_model_agrees(engine: Engine, story: Story) -> None:
    run(engine.fresh(), lambda path: play(path, story))


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data(), size=st.integers(1, 8))
def test_order_makes_no_difference_where_nothing_contradicts(
    engine: Engine, data: st.DataObject, size: int
) -> None:
    """Each part is answered once, and its receipts all say the same or nothing."""
    final = st.sampled_from([ReceiptState.DELIVERED, ReceiptState.UNDELIVERED])
    finals = data.draw(st.lists(final, min_size=1, max_size=5))
    events: list[Answer | Report] = []
    for message, state in enumerate(finals):
        vague = st.sampled_from([ReceiptState.INTERIM, ReceiptState.UNKNOWN, state])
        states = [state, *data.draw(st.lists(vague, max_size=2))]
        events.append(Answer((message, 0), PartState.SENT))
        events += [Report((message, 0), s, n) for n, s in enumerate(states)]
    shuffled = data.draw(st.permutations(events))
    runs = [list(run) for _, run in groupby(shuffled, key=type)]
    said = [list(batch) for run in runs for batch in batches(size, run)]

    async def scenario(path: Path) -> None:
        await play(path, ([1] * len(finals), said))
        assert finals == [*path.parts().values()]

    run(engine.fresh(), scenario)
