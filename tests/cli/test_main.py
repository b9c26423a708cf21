"""The commands, as a person at the keyboard meets them; and ``doctor``."""

import os
import shutil
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import msgspec
import pytest

from budstikke import __version__, app, carriers, cli
from budstikke.cli import doctor
from budstikke.cli.doctor import examine, url_fault
from budstikke.cli.doctor.finding import Level
from budstikke.config import Http, Settings, Simulator
from budstikke.config.callbacks import Callbacks
from budstikke.config.smpp import Smpp
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.contract import Seen, StoreUnavailable
from budstikke.store.migrate import migrate
from budstikke.store.time_seen import read_seen

NOW = 1_795_345_200.0

FILE = """
[[carrier]]
name = "sim"
kind = "simulator"
[[route]]
prefix = "+"
carriers = ["sim"]
[[account]]
name = "acme"
originators = ["*"]
[[account.access]]
dialect = "front"
id = "1234"
password = "hunter2"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "data"
    migrate(f"sqlite:///{folder}/budstikke.sqlite")
    return folder


@pytest.fixture
def here(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a migrated database, and nothing in the environment."""
    shutil.copytree(empty, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUDSTIKKE_"):
            monkeypatch.delenv(name)
    free(monkeypatch, 100 * doctor.GIB)
    return tmp_path


def free(monkeypatch: pytest.MonkeyPatch, octets: int) -> None:
    """Let there be so much space on the disk."""
    usage = shutil._ntuple_diskusage(10**12, 10**12 - octets, octets)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    try:
        code = cli.main(arguments)
    except SystemExit as error:  # argparse leaves this way
        code = int(error.code or 0)
    return Ran(code, *capsys.readouterr())


def write(folder: Path, text: str, name: str = "accounts.toml") -> str:
    (folder / name).write_text(text, "utf-8")
    return name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert Ran(0, f"{__version__}\n", "") == run(capsys, "--version")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("send",),
        ("serve", "--port", "1"),
        ("demo", "--port", "many"),
        ("demo", "--port", "65536"),
        ("simulator",),
        ("simulator", "--listen", "2775"),
        ("apply",),
        ("serve", "--roles", "http,cook"),
    ],
)
def test_bad_usage_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    ran = run(capsys, *arguments)
    assert 2 == ran.code
    assert ran.err.startswith("usage: budstikke")


def test_migrate_makes_the_database_once(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDSTIKKE_DATA", str(tmp_path / "new"))
    database = tmp_path / "new/budstikke.sqlite"
    assert run(capsys, "migrate").out.startswith(f"{database}: 0001")
    assert Ran(0, f"{database}: nothing to do\n", "") == run(capsys, "migrate")


def test_apply_says_what_it_does(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    file = write(here, FILE)
    lines = (
        "+ carrier sim\n+ account acme\n+ access front 1234\n+ route +\n"
        "4 added, 0 changed, 0 removed, 0 unchanged\n"
    )
    assert Ran(0, lines, "") == run(capsys, "apply", file, "--dry-run")
    assert Ran(0, lines, "") == run(capsys, "apply", file)
    again = "0 added, 0 changed, 0 removed, 4 unchanged\n"
    assert Ran(0, again, "") == run(capsys, "apply", file)


def test_apply_is_kept_for_the_audit(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "kari")
    run(capsys, "apply", write(here, FILE))
    with closing(sqlite3.connect("data/budstikke.sqlite")) as connection:
        actors = {row[0] for row in connection.execute("SELECT actor FROM audit")}
        (secret,) = connection.execute("SELECT secret FROM access").fetchone()
    assert {"apply by kari"} == actors
    assert secret.startswith("$argon2id$")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            FILE.replace("password =", "passwd ="),
            "accounts.toml: line 14: account acme: access 1",
        ),
        (
            FILE.replace('"hunter2"', "5"),
            "accounts.toml: line 14: account acme: access 1234: pas",
        ),
        (
            "[[carrier]",
            "accounts.toml: Expected ']]' at the end of an array declaration",
        ),
    ],
)
def test_apply_faults_are_one_line(
    capsys: pytest.CaptureFixture[str], here: Path, text: str, expected: str
) -> None:
    ran = run(capsys, "apply", write(here, text))
    assert (2, "") == (ran.code, ran.out)
    assert ran.err.startswith(f"budstikke: {expected}")
    assert 1 == ran.err.count("\n")
    assert "hunter2" not in ran.err


def test_files_that_cannot_be_read(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    gone = "budstikke: no.toml: No such file or directory\n"
    assert Ran(2, "", gone) == run(capsys, "apply", "no.toml")
    assert Ran(2, "", gone) == run(capsys, "migrate", "--config", "no.toml")
    (here / "odd.toml").write_bytes(b"\xff")
    ran = run(capsys, "apply", "odd.toml")
    assert 2 == ran.code
    assert ran.err.startswith("budstikke: odd.toml: 'utf-8' codec")


def test_settings_are_found(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, 'data = "one"', "budstikke.toml")
    assert run(capsys, "migrate").out.startswith("one/budstikke.sqlite: 0001")
    write(here, 'data = "two"', "other.toml")
    monkeypatch.setenv("BUDSTIKKE_CONFIG", "other.toml")
    assert run(capsys, "migrate").out.startswith("two/budstikke.sqlite: 0001")
    write(here, 'data = "three"', "third.toml")
    ran = run(capsys, "migrate", "--config", "third.toml")
    assert ran.out.startswith("three/budstikke.sqlite: 0001")


def test_settings_that_are_wrong(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    write(here, "prot = 1", "budstikke.toml")
    fault = "budstikke: budstikke.toml: prot: unknown setting\n"
    for command in ("serve", "doctor", "migrate"):
        assert Ran(2, "", fault) == run(capsys, command)


def test_a_database_that_is_not_migrated(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    shutil.rmtree(here / "data")
    fault = (
        "budstikke: there is no database data/budstikke.sqlite: "
        "run `budstikke migrate`\n"
    )
    assert Ran(1, "", fault) == run(capsys, "apply", write(here, FILE))
    assert Ran(1, "", fault) == run(capsys, "serve")


def test_secrets_are_new_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = run(capsys, "secret").out, run(capsys, "secret").out
    assert first.startswith("bud_")
    assert first != second


def test_programs_are_given_their_options(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []

    def program(*arguments: object, **options: object) -> int:
        assert options.pop("environ", os.environ) is os.environ
        given.append((arguments, options))
        return 0

    for name in ("demo", "serve", "simulator"):
        monkeypatch.setattr(app, name, program)
    monkeypatch.setattr("budstikke.log.configure", lambda *_: None)
    run(capsys, "demo")
    ports = ("--port", "1", "--smpp-port", "2")
    run(capsys, "demo", *ports, "--data", "d", "--callbacks", "http://[::1]:9/x/")
    run(capsys, "simulator", "--listen", "[::1]:2775", "--http", "localhost:1")
    run(capsys, "serve")
    assert [
        ((), {"port": None, "smpp_port": None, "data": None, "callbacks": ""}),
        (
            (),
            {
                "port": 1,
                "smpp_port": 2,
                "data": Path("d"),
                "callbacks": "http://[::1]:9/x",
            },
        ),
        ((), {"listen": "[::1]:2775", "http": "localhost:1"}),
        ((Settings(),), {}),
    ] == given


@pytest.mark.parametrize("url", ["ftp://x", "localhost:9", "http://", "http://x/å"])
def test_callbacks_go_to_urls_only(
    capsys: pytest.CaptureFixture[str], url: str
) -> None:
    with pytest.raises(SystemExit):
        cli.main(["demo", "--callbacks", url])
    assert f"not an http or https URL: {url}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable("another process serves it"), 1),
        (OSError(28, "No space left on device"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_stands_in_the_way_is_one_line(
    capsys: pytest.CaptureFixture[str],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
) -> None:
    def serve(_: Settings) -> int:
        raise error

    monkeypatch.setattr(app, "serve", serve)
    ran = run(capsys, "serve")
    assert code == ran.code
    assert (code == 130) == (ran.err == "")


def test_a_bug_is_not_hidden(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def serve(_: Settings) -> int:
        raise KeyError("bug")

    monkeypatch.setattr(app, "serve", serve)
    with pytest.raises(KeyError):
        cli.main(["serve"])


# -- doctor


class Front(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status_url: str = ""


DIALECTS: dict[str, type[msgspec.Struct]] = {"front": Front}
KINDS = {name: kind.settings for name, kind in carriers.KINDS.items()}


def found(
    settings: Settings | None = None, *, bind: bool = True
) -> dict[str, tuple[Level, str]]:
    return {
        finding.subject: (finding.level, finding.what)
        for finding in examine(settings or Settings(), DIALECTS, KINDS, bind=bind)
    }


def put(here: Path, text: str) -> None:
    """Apply a file with the kinds of this test."""
    from budstikke.provisioning.apply import Secrets, apply, read_file

    engine = open_engine("sqlite:///data/budstikke.sqlite")
    secrets = Secrets(lambda plain: plain, lambda plain, stored: plain == stored)
    file = read_file(text, DIALECTS, KINDS, {})
    apply(engine, file, secrets, actor="tester", now=0.0)
    engine.dispose()


def change(statement: str) -> None:
    with closing(sqlite3.connect("data/budstikke.sqlite")) as connection:
        connection.execute(statement)
        connection.commit()


def test_doctor_says_which_promise_is_in_force(here: Path) -> None:
    assert "durability" not in found()
    level, what = found(Settings(durability="process"))["durability"]
    assert (Level.WARNING, "`process`") == (level, what.partition(":")[0])


def test_doctor_finds_nothing_wrong(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    run(capsys, "apply", write(here, FILE))
    ran = run(capsys, "doctor")
    assert 0 == ran.code
    assert "ok       database: data/budstikke.sqlite can be written" in ran.out
    assert "ok       carrier sim: simulator" in ran.out
    assert "ok       access front 1234: belongs to account acme" in ran.out
    assert "wrong" not in ran.out


def test_doctor_tells_what_is_wrong_by_its_exit_code(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    shutil.rmtree(here / "data")
    ran = run(capsys, "doctor")
    assert 1 == ran.code
    assert "wrong    folder data: does not exist: run `budstikke migrate`" in ran.out
    assert "wrong    database: there is no database" in ran.out


def test_doctor_on_http(here: Path) -> None:
    public = "plain http, and others reach it: set tls_cert or trusted_proxies"
    for http, expected in (
        (Http(), (Level.OK, "plain http")),
        (Http(host="::1"), (Level.OK, "plain http")),
        (Http(host="::"), (Level.WARNING, public)),
        (Http(host="::", trusted_proxies=("::1",)), (Level.OK, "plain http")),
    ):
        assert expected == found(Settings(http=http))[f"http {http.host}:8080"]
    http = Http(tls_cert="no.pem", tls_key="no.pem")
    level, what = found(Settings(http=http))["http 127.0.0.1:8080"]
    assert Level.WRONG is level
    assert what.startswith("no.pem: ")


def test_doctor_on_smpp(here: Path) -> None:
    public = "without TLS, and others reach it: set smpp.tls_cert"
    for host, expected in (
        ("127.0.0.1", (Level.OK, "without TLS")),
        ("0.0.0.0", (Level.WARNING, public)),
    ):
        smpp = Smpp(listen=f"{host}:2776")
        assert expected == found(Settings(smpp=smpp))[f"smpp {host}:2776"]
    smpp = Smpp(listen="[::]:2776", tls_cert="no.pem", tls_key="no.pem")
    level, what = found(Settings(smpp=smpp))["smpp [::]:2776"]
    assert Level.WRONG is level
    assert what.startswith("no.pem: ")
    assert not [subject for subject in found() if subject.startswith("smpp")]


def test_doctor_warns_of_a_simulator(here: Path) -> None:
    settings = Settings(simulator=Simulator(enabled=True))
    assert Level.WARNING is found(settings)["simulator"][0]


def test_doctor_on_the_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = "folder data"
    assert Level.OK is found()[subject][0]
    for octets, level in ((doctor.GIB, Level.WARNING), (1000, Level.WRONG)):
        free(monkeypatch, octets)
        assert level is found()[subject][0]
    (here / "data").chmod(0o755)
    findings = list(examine(Settings(), DIALECTS, KINDS))
    assert ["other users of this machine can read it: chmod o-rwx"] == [
        finding.what for finding in findings if "chmod" in finding.what
    ]


def test_doctor_on_a_database_that_is_none(here: Path) -> None:
    (here / "data/budstikke.sqlite").write_text("no database" * 100)
    assert (Level.WRONG, "file is not a database") == found()["database"]


def test_doctor_on_a_database_that_cannot_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(
        "CREATE TRIGGER full BEFORE UPDATE ON meta BEGIN SELECT RAISE(FAIL,'full'); END"
    )
    assert (Level.WRONG, "cannot be written: full") == found()["database"]


def test_doctor_on_a_file_that_all_may_read(here: Path) -> None:
    (here / "data/budstikke.sqlite").chmod(0o644)
    what = "everybody on this machine may read it: chmod 600"
    findings = list(examine(Settings(), DIALECTS, KINDS))
    assert (Level.WARNING, "file data/budstikke.sqlite", what) in findings


def test_doctor_on_a_page_that_is_bad(here: Path) -> None:
    subject = "file data/budstikke.sqlite"
    whole = (Level.OK, "every page can be read (quick_check)")
    assert whole == found()[subject]
    file = here / "data/budstikke.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'part'"
        ).fetchone()
    data = bytearray(file.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    file.write_bytes(data)
    level, what = found()[subject]
    assert Level.WRONG is level
    assert what.startswith("is damaged: ")
    assert what.endswith("docs/operate.md, A bad page")


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (Seen(), ""),
        (Seen(NOW - 86400, database_time=NOW + 1), ""),
        (Seen(NOW, database_time=NOW - 3600), "is +3600 s off the database server's"),
        (
            Seen(NOW - 10 * 86400),
            "is +10.0 days from the time when a gateway was last alive",
        ),
        (
            Seen(NOW + 2 * 86400),
            "is -2.0 days from the time when a gateway was last alive",
        ),
    ],
)
def test_doctor_on_the_clock(seen: Seen, what: str) -> None:
    (finding,) = doctor._clock(seen, NOW)
    assert (Level.WARNING if what else Level.OK) is finding.level
    assert what in finding.what


def test_doctor_looks_at_the_clock(here: Path) -> None:
    assert (Level.OK, "agrees with the database") == found()["clock"]


def test_the_clock_is_shown_and_confirmed(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    shown = run(capsys, "clock")
    assert 0 == shown.code
    assert "a gateway was last alive  never\n" in shown.out
    assert "confirmed" not in shown.out
    before = time.time()
    assert "confirmed: gateways" in run(capsys, "clock", "--confirm").out
    seen = read_seen(Settings().database_url)
    assert before <= seen.confirmed <= time.time()


def test_doctor_on_no_routes(here: Path) -> None:
    put(here, '[[carrier]]\nname = "sim"\nkind = "simulator"\n')
    findings = found()
    assert Level.WARNING is findings["routes"][0]
    assert (Level.WARNING, "no route leads to it") == findings["carrier sim"]


def carrier(
    here: Path, host: str, port: int, *, tls: bool = False, bind: bool = True
) -> tuple[Level, str]:
    put(
        here,
        f'[[carrier]]\nname = "op"\nkind = "smpp"\n[carrier.settings]\n'
        f'host = "{host}"\nport = {port}\nsystem_id = "us"\n'
        f"{'tls = {}' if tls else ''}\n"
        f'[[route]]\nprefix = ""\ncarriers = ["op"]\n',
    )
    return found(bind=bind)["carrier op"]


def test_doctor_connects_to_carriers(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert (Level.OK, f"127.0.0.1:{port} accepts connections") == carrier(
            here, "127.0.0.1", port, bind=False
        )
    assert (Level.WRONG, f"127.0.0.1:{port}: Connection refused") == carrier(
        here, "127.0.0.1", port
    )


def test_doctor_tries_tls(here: Path) -> None:
    def answer(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"this is no TLS")

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        other = Thread(target=answer, args=(server,))
        other.start()
        level, what = carrier(here, "127.0.0.1", port, tls=True)
        other.join()
    assert Level.WRONG is level
    assert what.startswith(f"127.0.0.1:{port}: TLS: ")


def test_doctor_resolves_names(here: Path) -> None:
    level, what = carrier(here, "smsc.invalid", 2775)
    assert Level.WRONG is level
    assert what.startswith("smsc.invalid:2775: the name cannot be resolved: ")


def test_doctor_on_carriers_that_no_longer_fit(here: Path) -> None:
    carrier(here, "smsc.invalid", 2775)
    change("UPDATE carrier SET settings = '{\"old\": 1}'")
    assert Level.WRONG is found()["carrier op"][0]
    change("UPDATE carrier SET kind = 'telex'")
    assert (Level.WRONG, "kind 'telex' is unknown") == found()["carrier op"]


def test_doctor_on_numbers_and_keywords(here: Path) -> None:
    url = "http://[::1]/in"
    put(
        here,
        f'{FILE}\n[[number]]\nvalue = "2229"\n[[account]]\nname = "two"\n'
        '[[account.access]]\ndialect = "front"\nid = "x"\npassword = "x"\n'
        f'[[account.number]]\nvalue = "4759440000"\nurl = "{url}"\n'
        f'[[account.keyword]]\nnumber = "2229"\nword = ""\nurl = "{url}"\n'
        '[[account.keyword]]\nnumber = "2229"\nword = "X"\n',
    )
    wrong = (Level.WRONG, "url: is no https URL")
    assert wrong == found()["number 4759440000"]
    assert wrong == found()["keyword (default) on 2229"]
    assert {"number 2229", "keyword X on 2229"}.isdisjoint(found())


def test_doctor_on_accesses(here: Path) -> None:
    put(here, FILE)
    change("UPDATE access SET secret = NULL")
    assert (
        Level.WRONG,
        "has neither password nor allow_from, so that it never opens",
    ) == found()["access front 1234"]
    change('UPDATE access SET settings = \'{"status_url": "http://[::1]/"}\'')
    assert (Level.WRONG, "status_url: is no https URL") == found()["access front 1234"]
    change("UPDATE access SET settings = '{\"old\": 1}'")
    level, what = found()["database"]
    assert Level.WRONG is level
    assert what.startswith("access front 1234: settings: ")
    change("UPDATE access SET settings = '{}', blocked = 1")
    assert (Level.OK, "is blocked") == found()["access front 1234"]
    change("UPDATE access SET dialect = 'telex'")
    assert (Level.WRONG, "there is no such dialect") == found()["access telex 1234"]


STRICT, OPEN = Callbacks(), Callbacks(allow_private=True, allow_http=True)


@pytest.mark.parametrize(
    ("url", "callbacks", "expected"),
    [
        ("https://127.0.0.1/status", STRICT, "127.0.0.1 is a private address"),
        ("https://localhost/status", STRICT, "localhost is a private address"),
        ("https://[::1]:8443/", STRICT, "::1 is a private address"),
        ("https://192.0.2.1/", STRICT, "192.0.2.1 is a private address"),
        ("https://8.8.8.8/", STRICT, ""),
        ("http://8.8.8.8/", STRICT, "is no https URL"),
        ("ftp://8.8.8.8/", OPEN, "is no https or http URL"),
        ("acme.example", STRICT, "is no https URL"),
        ("https://", STRICT, "is no https URL"),
        ("https://acme.invalid/", STRICT, "acme.invalid cannot be resolved"),
        ("https://acme.invalid/", OPEN, "acme.invalid cannot be resolved"),
        ("https://[::1/", STRICT, "Invalid IPv6 URL"),
        ("https://a:99999/", STRICT, "Port out of range 0-65535"),
        ("http://127.0.0.1:9/", OPEN, ""),
        ("http://localhost/", OPEN, ""),
    ],
)
def test_urls_that_would_not_be_called(
    url: str, callbacks: Callbacks, expected: str
) -> None:
    assert expected == url_fault(url, callbacks)


def test_what_apply_wrote_can_be_read(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    run(capsys, "apply", write(here, FILE))
    engine = open_engine("sqlite:///data/budstikke.sqlite")
    assert read_directory(engine, DIALECTS).login("front", "1234") is not None
    engine.dispose()
