"""What resources declare: nothing else says which fields there are."""

from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest

from budstikke.carriers import KINDS
from budstikke.dialects import DIALECTS
from budstikke.provisioning.apply import ApplyError, read_file
from budstikke.provisioning.resource import (
    REFERENCES,
    Resource,
    columns_of,
    fields_of,
    metas,
)
from budstikke.provisioning.resources import RESOURCES, File
from budstikke.provisioning.resources.prices import PriceEntry
from budstikke.store import schema

OTHERS = {
    # Columns that no file sets: the gateway's, or worked out when a row is new.
    "account": {"balance", "alerted"},
    "carrier": {"switch"},
    "fee": {"next_at", "day"},
    "suppression": {"at", "inbound_id"},
}
READ_AS_KEY = {"id"}


@pytest.mark.parametrize(
    "resource",
    [each for each in RESOURCES if each.sections],
    ids=lambda each: each.name,
)
def test_each_column_is_declared_and_each_field_has_one(resource: Resource) -> None:
    declared = {each.name for each in columns_of(resource).values() if each}
    others = OTHERS.get(resource.name, set()) | READ_AS_KEY
    columns = set(resource.table.c.keys())
    assert set() == columns - declared - set(resource.key) - others
    assert set() == (declared | set(resource.key)) - columns


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_entries_say_the_whole_key(resource: Resource) -> None:
    for section in resource.sections:
        named = [each for each in section.fields if each.stored.in_key]
        assert len(resource.key) == len(named) + section.of_account


def test_each_column_of_prices_is_declared() -> None:
    declared = {each.column.name for each in fields_of(PriceEntry) if each.column}
    assert {*declared, "price_list_id"} == set(schema.price.c.keys())


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_a_resource_refers_to_those_before_it(resource: Resource) -> None:
    before = [each.name for each in RESOURCES[: RESOURCES.index(resource)]]
    columns = [each for each in columns_of(resource).values() if each]
    names = [*resource.key, *(column.name for column in columns)]
    referred = {REFERENCES[name] for name in names if name in REFERENCES}
    referred |= {column.each for column in columns if column.each}
    assert referred <= set(before)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: each.name)
def test_what_a_pattern_allows_is_said_in_words(resource: Resource) -> None:
    for section in resource.sections:
        for field in section.fields:
            for meta in metas(field.type):
                assert meta.pattern is None or meta.extra, field.key


def test_settings_given_by_mistake() -> None:
    with pytest.raises(ApplyError) as raised:
        read_file("data = 'x'\nroles = ['http']\n[http]\nport = 8080\n", {}, {}, {})
    assert str(raised.value) == (
        "has none of the tables that `apply` reads ([[carrier]], [[operator]], "
        "[[route]], [[price_list]], [[account]], [[number]], [[suppression]]); the "
        "settings of a gateway (budstikke.toml) are no file for `apply`: `--config` "
        "names them"
    )
    assert File() == read_file("", {}, {}, {})


def kinds_within(kind: object) -> Iterator[object]:
    """List the types of a setting, and of the settings within it."""
    yield kind
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            yield from kinds_within(field.type)
    for each in get_args(kind):
        yield from kinds_within(each)


@pytest.mark.parametrize(
    "kind",
    [
        *(dialect.settings for dialect in DIALECTS.values()),
        *(carrier.settings for carrier in KINDS.values()),
    ],
    ids=lambda kind: kind.__module__,
)
def test_patterns_of_settings_are_said_in_words(kind: type[msgspec.Struct]) -> None:
    without = [
        each
        for each in kinds_within(kind)
        if isinstance(each, msgspec.Meta) and each.pattern and not each.extra
    ]
    assert [] == without
