from pathlib import Path

import pytest
from msgspec import structs

from budstikke import config
from budstikke.clients.smtp import SmtpTransport
from budstikke.config import ConfigError, Settings, load
from budstikke.config.addresses import host_port, networks


def write(folder: Path, text: str) -> Path:
    file = folder / "budstikke.toml"
    file.write_text(text, "utf-8")
    return file


def fault(file: Path | None, environ: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    return str(caught.value)


def test_nothing_said_gives_the_defaults() -> None:
    assert Settings() == load(None, {})


def test_other_programs_variables_are_left_alone() -> None:
    assert Settings() == load(None, {"PATH": "/bin", "BUDSTIKKE_CONFIG": "x.toml"})


def test_file_is_read(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        'data = "/srv/bud"\n'
        "[http]\nport = 9000\ntrusted_proxies = ['10.0.0.0/8', '::1']\n"
        "[callbacks]\ntimeout = 5\n",
    )
    settings = load(file, {})
    assert "/srv/bud" == settings.data
    assert 9000 == settings.http.port
    assert ("10.0.0.0/8", "::1") == settings.http.trusted_proxies
    assert 5.0 == settings.callbacks.timeout
    assert Path("/srv/bud/budstikke.sqlite") == settings.database_path


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "[http]\nport = 9000\n[callbacks]\nallow_http = true\n")
    settings = load(
        file,
        {
            "BUDSTIKKE_HTTP__PORT": "8081",
            "BUDSTIKKE_CALLBACKS__ALLOW_HTTP": "false",
            "BUDSTIKKE_CALLBACKS__TIMEOUT": "2.5",
            "BUDSTIKKE_HTTP__TRUSTED_PROXIES": "10.0.0.1, 192.168.0.0/16",
            "BUDSTIKKE_LOG__LEVEL": "debug",
        },
    )
    assert 8081 == settings.http.port
    assert not settings.callbacks.allow_http
    assert 2.5 == settings.callbacks.timeout
    assert ("10.0.0.1", "192.168.0.0/16") == settings.http.trusted_proxies
    assert "debug" == settings.log.level


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prot = 1", "prot: unknown setting"),
        ("[http]\nprot = 1", "http.prot: unknown setting: did you mean `port`?"),
        ("[htpp]\nport = 1", "htpp: unknown setting: did you mean `http`?"),
        ("http = 1", "http: expected a section"),
        ("[[account]]\nname = 'a'", "account: [[account]] is for `budstikke apply`"),
        ("[http]\nport = '80'", "http.port: expected `int`, got `str`"),
        ("[http]\nport = 65536", "http.port: expected `int` <= 65535"),
        (
            "[log]\nlevel = 'loud'",
            (
                "log.level: invalid enum value 'loud': expected one of debug, info, "
                "warning, error"
            ),
        ),
        (
            "durability = 'disk'",
            "durability: invalid enum value 'disk': expected one of power, process",
        ),
        ("[http]\nport = ]", "Invalid value (at line 2, column 8)"),
    ],
)
def test_file_faults_name_the_key_and_the_file(
    tmp_path: Path, text: str, expected: str
) -> None:
    file = write(tmp_path, text)
    assert f"{file}: {expected}" == fault(file, {})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "BUDSTIKKE_HTTP__PROT",
            "1",
            "unknown setting: did you mean `BUDSTIKKE_HTTP__PORT`?",
        ),
        (
            "BUDSTIKKE_HTTP_PORT",
            "1",
            "unknown setting: did you mean `BUDSTIKKE_HTTP__PORT`?",
        ),
        ("BUDSTIKKE_X", "1", "unknown setting"),
        ("BUDSTIKKE_HTTP__PORT", "many", "expected `int`, got `str`"),
        ("BUDSTIKKE_CALLBACKS__ALLOW_HTTP", "perhaps", "expected `bool`, got `str`"),
    ],
)
def test_environment_faults_name_the_variable(
    name: str, value: str, expected: str
) -> None:
    assert f"environment: {name}: {expected}" == fault(None, {name: value})


def test_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert f"{file}: No such file or directory" == fault(file, {})


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "budstikke.toml"
    file.write_bytes(b'node = "K\xf8benhavn"')
    assert fault(file, {}).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (
            {"BUDSTIKKE_DATABASE": "mysql://db"},
            "settings: database: must begin with sqlite:/// or postgresql://",
        ),
        (
            {"BUDSTIKKE_DATABASE": "sqlite:///"},
            "settings: database: sqlite:/// lacks a path",
        ),
        (
            {"BUDSTIKKE_HTTP__TLS_CERT": "a.pem"},
            "settings: http: tls_cert and tls_key are given together or not at all",
        ),
        (
            {"BUDSTIKKE_HTTP__TRUSTED_PROXIES": "10.0.0.1/8"},
            "settings: http: 10.0.0.1/8 has host bits set",
        ),
        (
            {"BUDSTIKKE_MAIL__HOST": "mail.example"},
            "settings: mail: sender: a mail address is needed",
        ),
        (
            {"BUDSTIKKE_MAIL__USERNAME": "bud"},
            "settings: mail: username and password are given together or not at all",
        ),
        (
            {"BUDSTIKKE_MAIL__PASSWORD": "s3cret"},
            "settings: mail: username and password are given together or not at all",
        ),
        (
            {
                "BUDSTIKKE_MAIL__USERNAME": "bud",
                "BUDSTIKKE_MAIL__PASSWORD": "s3cret",
                "BUDSTIKKE_MAIL__TLS": "none",
            },
            (
                "settings: mail: tls: none would send the password unencrypted: use"
                " starttls or tls"
            ),
        ),
        (
            {"BUDSTIKKE_SIMULATOR__LISTEN": "2776"},
            "settings: simulator: not HOST:PORT: '2776'",
        ),
    ],
)
def test_values_that_do_not_fit_each_other(
    environ: dict[str, str], expected: str
) -> None:
    assert expected == fault(None, environ)


def test_database_elsewhere() -> None:
    settings = load(None, {"BUDSTIKKE_DATABASE": "sqlite:////srv/b.db"})
    assert Path("/srv/b.db") == settings.database_path
    assert "sqlite:////srv/b.db" == settings.database_url


def test_postgresql_with_several_hosts() -> None:
    url = "postgresql://bud:s3cret@h1:5432,h2:5433/bud?target_session_attrs=read-write"
    settings = load(None, {"BUDSTIKKE_DATABASE": url})
    assert settings.postgres
    assert url == settings.database_url
    assert "h1:5432,h2:5433/bud" == settings.database_name


def test_a_mail_server() -> None:
    found = load(
        None,
        {
            "BUDSTIKKE_MAIL__HOST": "mail.example",
            "BUDSTIKKE_MAIL__SENDER": "Budstikke <alerts@gateway.example>",
            "BUDSTIKKE_MAIL__USERNAME": "bud",
            "BUDSTIKKE_MAIL__PASSWORD": "s3cret",
        },
    ).mail
    assert (587, "starttls") == (found.port, found.tls)
    SmtpTransport(**structs.asdict(found))  # its arguments are these keys


def test_node_is_named_after_the_host_unless_said() -> None:
    assert "b1" == Settings(node="b1").node_name
    assert Settings().node_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:2775", ("127.0.0.1", 2775)),
        ("[::1]:2775", ("::1", 2775)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_host_port(text: str, expected: tuple[str, int]) -> None:
    assert expected == host_port(text)


@pytest.mark.parametrize("text", ["", "2775", ":2775", "h:", "h:x", "h:65536", "h:²"])
def test_not_host_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|port"):
        host_port(text)


def test_networks() -> None:
    assert ["10.0.0.0/8", "::1/128"] == [
        str(net) for net in networks(("10.0.0.0/8", "::1"))
    ]


def test_every_setting_is_described() -> None:
    for path, default, described in config.rows():
        assert described.endswith("."), path
        assert default, path
    assert ("http", "port") in [path for path, _, _ in config.rows()]


def test_roles() -> None:
    shared = {"BUDSTIKKE_DATABASE": "postgresql://h/b"}
    assert config.ROLES == load(None, {}).roles
    assert ("http", "send") == load(
        None, shared | {"BUDSTIKKE_ROLES": "http, send"}
    ).roles
    said = fault(None, shared | {"BUDSTIKKE_ROLES": "http,x"})
    assert "environment: BUDSTIKKE_ROLES: invalid enum value 'x' - at `$[1]`" == said
    said = fault(None, {"BUDSTIKKE_ROLES": "http"})
    assert "settings: roles: a SQLite database has one process, with all roles" == said


def test_where_health_is_served_is_host_and_port() -> None:
    assert "settings: not HOST:PORT: '9090'" == fault(
        None, {"BUDSTIKKE_HEALTH": "9090"}
    )
