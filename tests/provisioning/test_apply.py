"""``apply``: what it reads, plans, refuses and writes; and what is read back."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError

from budstikke.domain.directory import Directory
from budstikke.provisioning import apply as apply_file
from budstikke.provisioning.apply import ApplyError, Plan, Secrets, apply
from budstikke.provisioning.plan import make_plan
from budstikke.store import admin, schema
from budstikke.store import directory as directory_module
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.migrate import migrate


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status_url: str = ""
    duplicate_lock: bool = True
    status_method: Literal["GET", "POST"] = "GET"


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = ""
    password: str = ""


DIALECTS: dict[str, type[msgspec.Struct]] = {"front": Front}
CARRIERS: dict[str, type[msgspec.Struct]] = {"simulator": Link, "smpp": Link}
SECRETS = Secrets(
    hash=lambda plain: f"hash of {plain[::-1]}",
    verify=lambda plain, stored: stored == f"hash of {plain[::-1]}",
)

WHOLE = """
[[carrier]]
name = "sim"
kind = "simulator"

[[carrier]]
name = "op"
kind = "smpp"
[carrier.settings]
host = "smsc.example"
password = "carrier-secret"

[[route]]
prefix = "+"
carriers = ["sim"]

[[route]]
prefix = "+47"
carriers = ["op", "sim"]
account = "acme"

[[account]]
name = "acme"
originators = ["Acme", "26114*"]
unsure = "resend"

[[account.access]]
dialect = "front"
id = "1234"
password = "hunter2"
allow_from = ["127.0.0.0/8"]
require_https = false
[account.access.settings]
status_url = "https://acme.example/status"

[[account.access]]
dialect = "front"
id = "1235"
password_env = "ACME_1235"

[[suppression]]
number = "+4799999999"
"""
ENVIRON = {"ACME_1235": "from-environment"}


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "b.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def engine(empty: Path, tmp_path: Path) -> Iterator[Engine]:
    file = shutil.copy(empty, tmp_path / "b.sqlite")
    engine = open_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


def put(engine: Engine, text: str, *, dry_run: bool = False) -> Plan:
    file = apply_file.read_file(text, DIALECTS, CARRIERS, ENVIRON)
    return apply(engine, file, SECRETS, actor="tester", now=5.0, dry_run=dry_run)


def directory(engine: Engine) -> Directory:
    return read_directory(engine, DIALECTS)


def fault(text: str, engine: Engine | None = None) -> str:
    try:
        apply_file.read_file(text, DIALECTS, CARRIERS, ENVIRON)
        if engine is not None:
            put(engine, text)
    except ApplyError as error:
        return re.sub(r"^line \d+: ", "", str(error), flags=re.MULTILINE)
    return ""


def rows(engine: Engine, table: Any) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table))]


def test_a_file_becomes_a_directory(engine: Engine) -> None:
    put(engine, WHOLE)
    found = directory(engine)
    first, second = found.login("front", "1234"), found.login("front", "1235")
    assert first is not None
    assert second is not None
    assert "acme" == first.account.name == second.account.name
    assert ("Acme", "26114*") == first.account.grants
    assert "resend" == first.account.unsure
    assert "hash of 2retnuh" == first.secret
    assert "hash of tnemnorivne-morf" == second.secret
    assert (ip_network("127.0.0.0/8"),) == first.networks
    assert () == second.networks
    assert not first.require_https
    assert second.require_https
    assert Front(status_url="https://acme.example/status") == first.settings
    assert Front() == second.settings
    assert {"sim": "simulator", "op": "smpp"} == {
        entry.name: entry.kind for entry in found.carriers.values()
    }
    assert frozenset({"+4799999999"}) == found.blacklist
    assert 1 == found.revision == admin.revision(engine)


def test_routes_lead_to_carriers_in_order(engine: Engine) -> None:
    put(engine, WHOLE)
    found = directory(engine)
    access = found.login("front", "1234")
    assert access is not None
    own = found.route(access.account.id, "+4799999998")
    common = found.route(access.account.id, "+46705555555")
    assert own is not None
    assert common is not None
    assert ["op", "sim"] == [found.carriers[id_].name for id_ in own.carriers]
    assert ["sim"] == [found.carriers[id_].name for id_ in common.carriers]


def test_the_same_file_again_changes_nothing(engine: Engine) -> None:
    put(engine, WHOLE)
    before = [rows(engine, table) for table in schema.metadata.sorted_tables]
    again = put(engine, WHOLE)
    assert [] == again.effective
    assert "0 added, 0 changed, 0 removed, 8 unchanged" == again.lines()[-1]
    assert before == [rows(engine, table) for table in schema.metadata.sorted_tables]


def test_a_dry_run_shows_and_writes_nothing(engine: Engine) -> None:
    plan = put(engine, WHOLE, dry_run=True)
    assert [
        "+ carrier sim",
        "+ carrier op",
        "+ account acme",
        "+ access front 1234",
        "+ access front 1235",
        "+ route +",
        "+ route +47 of acme",
        "+ suppression +4799999999",
        "8 added, 0 changed, 0 removed, 0 unchanged",
    ] == plan.lines()
    assert 0 == admin.revision(engine)
    assert {} == directory(engine).carriers


def test_changes_are_told_by_name_never_by_value(engine: Engine) -> None:
    put(engine, WHOLE)
    changed = (
        WHOLE.replace("hunter2", "hunter3")
        .replace("carrier-secret", "new-carrier-secret")
        .replace("acme.example/status", "acme.example/new")
        .replace('"Acme", ', "")
        .replace("127.0.0.0/8", "10.0.0.0/8")
        .replace('carriers = ["sim"]', 'carriers = ["op"]')
    )
    assert [
        "~ carrier op: settings.password",
        "~ account acme: originators",
        "~ access front 1234: password, allow_from, settings.status_url",
        "~ route +: carriers",
        "0 added, 4 changed, 0 removed, 4 unchanged",
    ] == put(engine, changed).lines()
    access = directory(engine).login("front", "1234")
    assert access is not None
    assert "hash of 3retnuh" == access.secret
    assert 2 == admin.revision(engine)


def test_acts_are_kept_without_secrets(engine: Engine) -> None:
    put(engine, WHOLE)
    put(engine, WHOLE.replace("hunter2", "hunter3"))
    kept = rows(engine, schema.audit)
    assert (9, 5.0, "tester", "changed access front 1234: password") == kept[-1]
    told = " ".join(row[3] for row in kept)
    for secret in ("hunter", "carrier-secret", "from-environment"):
        assert secret not in told


def test_what_the_file_does_not_name_stays(engine: Engine) -> None:
    put(engine, WHOLE)
    before = directory(engine)
    put(engine, '[[account]]\nname = "beta"\n')
    after = directory(engine)
    assert before.accesses == after.accesses
    assert before.routes == after.routes
    assert before.carriers == after.carriers
    assert before.blacklist == after.blacklist


def test_what_an_entry_leaves_out_stays_as_it_is(engine: Engine) -> None:
    put(engine, WHOLE)
    before = directory(engine)
    named = """
        [[carrier]]
        name = "op"
        [[route]]
        prefix = "+47"
        account = "acme"
        [[account]]
        name = "acme"
        [[account.access]]
        dialect = "front"
        id = "1234"
        [[account.access]]
        dialect = "front"
        id = "9"
        password = "new"
        [[suppression]]
        number = "+4799999999"
    """
    assert [
        "+ access front 9",
        "1 added, 0 changed, 0 removed, 5 unchanged",
    ] == put(engine, named).lines()
    after = directory(engine)
    new = after.login("front", "9")
    assert new is not None
    assert before.carriers == after.carriers
    assert before.routes == after.routes
    left = {id_: each for id_, each in after.accesses.items() if each.id != new.id}
    assert before.accesses == left


def test_one_setting_changes_alone(engine: Engine) -> None:
    put(engine, WHOLE)
    text = access("settings = { duplicate_lock = false }").replace('"1"', '"1234"')
    plan = put(engine, text)
    assert "~ access front 1234: settings.duplicate_lock" == plan.lines()[0]
    found = directory(engine).login("front", "1234")
    assert found is not None
    assert Front("https://acme.example/status", duplicate_lock=False) == found.settings
    reset = access('settings = { status_url = "default" }').replace('"1"', '"1234"')
    assert "~ access front 1234: settings.status_url" == put(engine, reset).lines()[0]
    found = directory(engine).login("front", "1234")
    assert found is not None
    assert Front(duplicate_lock=False) == found.settings


def test_a_carrier_of_another_kind_keeps_no_settings(engine: Engine) -> None:
    put(engine, WHOLE)
    put(engine, '[[carrier]]\nname = "op"\nkind = "simulator"\n')
    (op,) = [c for c in directory(engine).carriers.values() if c.name == "op"]
    assert ("simulator", {}) == (op.kind, op.settings)


def test_what_is_set_to_default_is_reset(engine: Engine) -> None:
    put(engine, WHOLE)
    put(
        engine,
        """
        [[account]]
        name = "acme"
        originators = "default"
        unsure = "default"
        [[account.access]]
        dialect = "front"
        id = "1234"
        allow_from = "default"
        require_https = "default"
        settings = "default"
        """,
    )
    access = directory(engine).login("front", "1234")
    assert access is not None
    assert () == access.account.grants
    assert "fail" == access.account.unsure
    assert () == access.networks
    assert access.require_https
    assert Front() == access.settings
    assert "hash of 2retnuh" == access.secret


def test_an_empty_password_takes_it_away(engine: Engine) -> None:
    put(engine, WHOLE)
    text = (
        '[[account]]\nname = "acme"\n[[account.access]]\n'
        'dialect = "front"\nid = "1234"\npassword = ""\n'
    )
    assert "access front 1234: needs password, password_env or allow_from" == fault(
        text + 'allow_from = "default"\n', engine
    )
    put(engine, text)
    access = directory(engine).login("front", "1234")
    assert access is not None
    assert access.secret is None


def test_a_new_access_needs_something_to_be_known_by(engine: Engine) -> None:
    text = '[[account]]\nname = "a"\n[[account.access]]\ndialect = "front"\nid = "1"\n'
    assert "access front 1: needs password, password_env or allow_from" == fault(
        text, engine
    )
    assert [] == rows(engine, schema.account)


def test_removing(engine: Engine) -> None:
    put(engine, WHOLE)
    plan = put(
        engine,
        """
[[route]]
prefix = ""
remove = true
[[route]]
prefix = "+46"
remove = true
[[account]]
name = "acme"
[[account.access]]
dialect = "front"
id = "1235"
remove = true
[[suppression]]
number = "+4799999999"
remove = true
""",
    )
    assert [
        "- access front 1235",
        "- route +",
        "- suppression +4799999999",
        "0 added, 0 changed, 3 removed, 2 unchanged",
    ] == plan.lines()
    found = directory(engine)
    assert found.login("front", "1235") is None
    assert found.login("front", "1234") is not None
    assert ["+47"] == [route.prefix for route in found.routes]
    assert frozenset() == found.blacklist


def test_an_account_is_removed_with_all_it_has(engine: Engine) -> None:
    put(engine, WHOLE)
    plan = put(engine, '[[account]]\nname = "acme"\nremove = true\n')
    assert [
        "- account acme",
        "- access front 1234",
        "- access front 1235",
        "- route +47 of acme",
        "0 added, 0 changed, 4 removed, 0 unchanged",
    ] == plan.lines()
    assert {} == directory(engine).accesses
    assert [] == rows(engine, schema.account)


def test_the_id_of_a_removed_access_is_not_given_again(engine: Engine) -> None:
    put(engine, WHOLE)
    before = set(directory(engine).accesses)
    put(engine, '[[account]]\nname = "acme"\nremove = true\n')
    put(engine, WHOLE)
    assert before.isdisjoint(directory(engine).accesses)


def test_a_carrier_in_use_is_kept(engine: Engine) -> None:
    put(engine, WHOLE)
    gone = '[[carrier]]\nname = "op"\nremove = true\n'
    assert "route +47 of acme: there is no carrier op" == fault(gone, engine)
    route = '[[route]]\nprefix = "+47"\naccount = "acme"\nremove = true\n'
    put(engine, gone + route)
    assert ["sim"] == [c.name for c in directory(engine).carriers.values()]


@pytest.mark.parametrize(
    ("state", "due_at", "kept"),
    [
        ("queued", None, True),
        ("queued", 9.0, True),
        ("sending", None, True),
        ("unsure", 9.0, True),
        ("unsure", None, True),
        ("sent", None, False),
        ("delivered", None, False),
    ],
)
def test_a_carrier_with_messages_to_send_is_kept(
    engine: Engine, state: str, due_at: float | None, *, kept: bool
) -> None:
    put(engine, '[[carrier]]\nname = "op"\nkind = "smpp"\n')
    (carrier,) = directory(engine).carriers
    part = {
        "id": 256257,
        "carrier_id": carrier,
        "state": state,
        "due_at": due_at,
        "text": "x",
        "tables": 0,
        "priority": 1,
    }
    with engine.begin() as connection:
        connection.execute(insert(schema.part).values(part))
    gone = '[[carrier]]\nname = "op"\nremove = true\n'
    if kept:
        assert (
            "carrier op: has messages to send; remove its routes first, then wait"
            == fault(gone, engine)
        )
    else:
        put(engine, gone)
    assert kept == bool(directory(engine).carriers)


def test_a_fault_changes_nothing(engine: Engine) -> None:
    text = WHOLE + '[[route]]\nprefix = "+46"\ncarriers = ["nobody"]\n'
    assert "route +46: there is no carrier nobody" == fault(text, engine)
    text = WHOLE + '[[route]]\nprefix = "+46"\ncarriers = ["op"]\naccount = "beta"\n'
    assert "route +46 of beta: there is no account beta" == fault(text, engine)
    assert 0 == admin.revision(engine)
    assert [] == rows(engine, schema.carrier)


def test_an_access_stays_with_its_account(engine: Engine) -> None:
    put(engine, WHOLE)
    text = (
        '[[account]]\nname = "beta"\n[[account.access]]\n'
        'dialect = "front"\nid = "1234"\npassword = "x"\n'
    )
    assert "access front 1234: belongs to account acme, not beta" == fault(text, engine)


def test_a_plan_from_an_older_state_is_made_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = apply_file.read_file(WHOLE, DIALECTS, CARRIERS, ENVIRON)
    plain = make_plan
    others = iter(['[[account]]\nname = "beta"\n'])

    def plan(*arguments: Any) -> Plan:
        made = plain(*arguments)
        for text in others:
            put(engine, text)
        return made

    monkeypatch.setattr("budstikke.provisioning.apply.make_plan", plan)
    done = apply(engine, file, SECRETS, actor="tester", now=5.0)
    assert 1 == done.revision
    assert 2 == admin.revision(engine)


def test_many_suppressions(engine: Engine) -> None:
    many = "".join(
        f'[[suppression]]\nnumber = "+479{number:07}"\n' for number in range(1500)
    )
    put(engine, many)
    assert 1500 == len(directory(engine).blacklist)
    assert [] == put(engine, many).effective


ROUTE = "[[route]]\nprefix = '+'\ncarriers = ['a']\n"


def access(line: str) -> str:
    return (
        f'[[account]]\nname = "acme"\n[[account.access]]\n'
        f'dialect = "front"\nid = "1"\n{line}\n'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[carrier]", "Expected ']]' at the end of an array declaration"),
        ("[[accounts]]", "there is no key `accounts`: did you mean `account`?"),
        (
            access("passwd = 'x'"),
            "account acme: access 1: there is no key `passwd`: did",
        ),
        (access("[account.access.settings]\nurl = 'x'"), "access front 1: settings: "),
        (access("id = 5"), "Cannot overwrite a value"),
        (access("require_https = 'no'"), "account acme: access 1: require_https: exp"),
        (access("allow_from = ['10.0.0.1/8']"), "access front 1: allow_from: 10.0.0.1"),
        (
            access("password = 'x'\npassword_env = 'Y'"),
            "account acme: access front 1: give password ",
        ),
        (
            access("password_env = 'NO'"),
            "account acme: access front 1: password_env: NO is not set",
        ),
        (access("").replace("front", "x"), "access x 1: dialect: there is no 'x', onl"),
        (access("password = 'x'") * 2, "account acme is there twice"),
        ("[[account]]\nname = ''", "account : name: expected a text of length >= 1"),
        (
            "[[account]]\nname = 'a'\nunsure = 'x'",
            "account a: unsure: invalid enum value 'x': it is one of fail, resend",
        ),
        (
            access("password = 'x'\nsettings = { status_method = 'PUT' }"),
            (
                "access front 1: settings: status_method: invalid enum value 'PUT': it"
                " is one of GET, POST"
            ),
        ),
        ("[[account]]\nname = 'a'\nunsure_after = 0", "account a: unsure_after: expec"),
        ("[[account]]\nname = 'a'\noriginators = ['{}']", "account a: originators: no"),
        ("[[account]]\nname = 'a'\noriginators = [5]", "account a: originators no. 1"),
        ("[[carrier]]\nname = 'a'\nkind = 'x'", "carrier a: kind: there is no 'x', on"),
        ("[[carrier]]\nname = 'a'", "carrier a: kind: there is no '', only simulator"),
        (
            "[[route]]\nprefix = '47'",
            "route 47: prefix: expected `+` and up to 15",
        ),
        ("[[route]]\nprefix = '+47'", "route +47: carriers is missing"),
        ("[[suppression]]\nnumber = '99999999'", "suppression 99999999: number: expec"),
        (
            "[[suppression]]\nnumber = '+4799999999'\n" * 2,
            "suppression +4799999999 is there twice",
        ),
        (
            ROUTE + ROUTE.replace("+", ""),
            "route + is there twice",
        ),
        (
            access("password = 'x'").replace("'acme'\n", "'acme'\nremove = true\n")
            + access("password = 'x'").replace('"acme"', '"beta"'),
            "access front 1 is there twice",
        ),
        (
            access("password = 'x'").replace('"acme"\n', '"acme"\nremove = true\n'),
            "account acme: is removed with all that it has: list nothing",
        ),
    ],
)
def test_faults_say_where(engine: Engine, text: str, expected: str) -> None:
    found = fault(text, engine)
    assert expected == found[: len(expected)]


def test_all_faults_are_told_in_one_run_with_their_lines() -> None:
    text = """\
[[carrier]]
name = "op"
knd = "smpp"

[[account]]
name = "acme"
unsure = "resnd"
blocked = "yes"
[[account.access]]
dialect = "front"
id = "1234"
allow_from = ["10.0.0.1/8", "x"]
[account.access.settings]
status_ulr = "https://acme.example/status"

[[account.access]]
dialect = "frnt"
id = "5"
password = "x"

[[account]]
nam = "beta"

[[route]]
prefix = "47"
carriers = "op"

[[suppresion]]
"""
    with pytest.raises(ApplyError) as raised:
        apply_file.read_file(text, DIALECTS, CARRIERS, ENVIRON)
    assert [
        "line 3: carrier op: there is no key `knd`: did you mean `kind`?",
        (
            "line 7: account acme: unsure: invalid enum value 'resnd': did you"
            " mean `resend`?"
        ),
        "line 8: account acme: blocked: expected `true` or `false`, got a text",
        (
            "line 9: access front 1234: settings: there is no key `status_ulr`: did you"
            " mean `status_url`?"
        ),
        "line 9: access front 1234: allow_from: 10.0.0.1/8 has host bits set",
        (
            "line 9: access front 1234: allow_from: 'x' does not appear to be an IPv4 "
            "or IPv6 network"
        ),
        (
            "line 16: access frnt 5: dialect: there is no 'frnt', only front: did you "
            "mean `front`?"
        ),
        "line 21: account no. 2: name is missing",
        "line 22: account no. 2: there is no key `nam`: did you mean `name`?",
        (
            "line 25: route 47: prefix: expected `+` and up to 15 digits, the first of"
            " them not 0"
        ),
        "line 26: route 47: carriers: expected a list, got a text",
        "line 28: there is no key `suppresion`: did you mean `suppression`?",
    ] == str(raised.value).splitlines()


def test_faults_against_what_is_there_are_told_together(engine: Engine) -> None:
    text = """\
[[route]]
prefix = "+46"
carriers = ["nobody"]
[[route]]
prefix = "+45"
[[account]]
name = "acme"
price_list = "none"
currency = "NOK"
[[account.access]]
dialect = "front"
id = "1"
"""
    with pytest.raises(ApplyError) as raised:
        put(engine, text)
    assert [
        "line 1: route +46: there is no carrier nobody",
        "line 4: route +45: carriers is missing",
        "line 6: account acme: there is no price_list none",
        "line 10: access front 1: needs password, password_env or allow_from",
    ] == str(raised.value).splitlines()


@pytest.mark.parametrize("quotes", ['"""', "'''"])
def test_lines_are_counted_past_texts_of_many_lines(quotes: str) -> None:
    text = (
        f"[[account]]\nname = 'a'\nstop_reply = {quotes}x\n[[account]]\n"
        f"nam = 1\n{quotes}\n[[account]]\nname = 'b'\nnam = 1\n"
    )
    with pytest.raises(ApplyError) as raised:
        apply_file.read_file(text, DIALECTS, CARRIERS, ENVIRON)
    assert str(raised.value).startswith("line 9: account b: there is no key `nam`")


def test_settings_that_no_longer_fit_say_whose_they_are(engine: Engine) -> None:
    put(engine, WHOLE)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE access SET settings = '{\"old\": 1}'")
    with pytest.raises(ValueError, match=r"access front 1234: settings: .*`old`"):
        directory(engine)


def test_accesses_of_unknown_dialects_are_left_out(engine: Engine) -> None:
    put(engine, WHOLE)
    assert {} == read_directory(engine, {}).accesses


def test_a_directory_is_read_whole(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine, WHOLE)
    told = iter([1, 2, 2, 2])
    monkeypatch.setattr(directory_module, "read_revision", lambda _: next(told))
    assert 2 == directory(engine).revision


def test_faults_of_the_database_do_not_show_values(engine: Engine) -> None:
    row = {"name": "twice", "kind": "smpp", "settings": '{"password": "s3cret"}'}
    with engine.begin() as connection, pytest.raises(IntegrityError) as caught:
        connection.execute(insert(schema.carrier), [row, row])
    assert "s3cret" not in str(caught.value)


def test_a_transaction_is_whole(engine: Engine) -> None:
    def two() -> None:
        with admin.immediate(engine) as connection:
            connection.execute(insert(schema.account).values(name="a"))
            raise KeyError

    with pytest.raises(KeyError):
        two()
    assert [] == rows(engine, schema.account)


def test_a_writer_holds_others_off(engine: Engine) -> None:
    path = engine.url.database or ""
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with admin.immediate(engine), pytest.raises(sqlite3.OperationalError, match="lock"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
