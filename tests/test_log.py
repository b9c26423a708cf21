"""What a log line holds, and what it never does."""

import asyncio
import gc
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec
import pytest

from budstikke import log
from budstikke.log import JsonFormatter, configure, masked


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    names = ("", *log.QUIET)
    before = {name: logging.getLogger(name).level for name in names}
    handlers = root.handlers
    stream = io.StringIO()
    configure("info", "n1", stream)
    yield stream
    root.handlers = handlers
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_step_with_its_message_id(out: io.StringIO) -> None:
    logging.getLogger("budstikke.flow").info(
        "sent", extra={"message_id": 145099, "recipient": "+4799999999"}
    )
    line = json.loads(out.getvalue())
    assert line.pop("at").endswith("Z")
    assert {
        "level": "info",
        "logger": "budstikke.flow",
        "step": "sent",
        "node": "n1",
        "message_id": 145099,
        "recipient": "+4799999999",
    } == line


def test_time_is_utc_with_milliseconds() -> None:
    record = logging.makeLogRecord({"msg": "x", "created": 0.25, "msecs": 250.0})
    assert (
        "1970-01-01T00:00:00.250Z" == json.loads(JsonFormatter().format(record))["at"]
    )


@pytest.mark.parametrize("name", sorted(log.MASKED))
@pytest.mark.parametrize("value", ["hunter2", b"hunter2", ["hunter2"]])
def test_secrets_and_texts_are_masked_by_name(
    out: io.StringIO, name: str, value: object
) -> None:
    logging.getLogger("budstikke").info("x", extra={name: value})
    assert "hunter2" not in out.getvalue()
    assert "[" in json.loads(out.getvalue())[name]


def test_masked_says_only_how_long() -> None:
    assert "[5]" == masked("hello")
    assert "[2]" == masked(b"\xe6\xf8")
    assert "" == masked(None)


def fail(error: Exception) -> dict[str, Any]:
    """Log an exception as it was raised; returns the line."""
    stream = io.StringIO()
    configure("info", "n1", stream)
    try:
        raise error  # noqa: TRY301 - so that it has a traceback
    except Exception:
        logging.getLogger("budstikke").exception("bug", extra={"message_id": 7})
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_traceback_stays_on_the_line(out: io.StringIO) -> None:
    error = fail(TypeError("x() takes no arguments"))["error"]
    assert "test_log.py" in error
    assert error.endswith("TypeError: x() takes no arguments")


TEXT = "Koden din er 123456"


def of_postgres() -> Exception:
    error: Exception = asyncpg.UniqueViolationError.new(
        {"C": "23505", "M": f"duplicate key {TEXT}", "D": f"Key (text)=({TEXT})"}
    )
    assert TEXT in str(error)
    return error


def of_msgspec() -> Exception:
    return msgspec.ValidationError(f"Invalid value {TEXT!r}")


def of_a_group() -> Exception:
    return ExceptionGroup(TEXT, [ValueError(TEXT), KeyError(TEXT)])


def of_a_cause() -> Exception:
    error = TypeError("a bug")
    error.__cause__ = ValueError(TEXT)
    error.__cause__.__context__ = LookupError(TEXT)
    return error


def of_unicode() -> Exception:
    return UnicodeEncodeError("ascii", TEXT, 0, 1, TEXT)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(TEXT),
        KeyError(TEXT),
        RuntimeError(TEXT),
        of_postgres(),
        of_msgspec(),
        of_a_group(),
        of_a_cause(),
        of_unicode(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_an_exception_quotes_is_not_shown(
    out: io.StringIO, error: Exception
) -> None:
    line = fail(error)
    assert TEXT not in json.dumps(line)
    assert type(error).__name__ in line["error"]


def test_all_causes_are_named_the_first_one_first(out: io.StringIO) -> None:
    said = fail(of_a_cause())["error"].splitlines()
    assert ["LookupError: [19]", "ValueError: [19]"] == said[:2]
    assert "TypeError: a bug" == said[-1]


def test_a_database_s_error_has_its_state(out: io.StringIO) -> None:
    assert "UniqueViolationError 23505: [" in fail(of_postgres())["error"]


def test_a_task_that_nobody_waited_for_says_only_that(out: io.StringIO) -> None:
    async def broken() -> None:
        raise ValueError(TEXT)

    async def story() -> None:  # on a loop with Python's own exception handler
        task = asyncio.create_task(broken())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    asyncio.run(story())
    assert TEXT not in out.getvalue()
    assert "Task exception was never retrieved" == json.loads(out.getvalue())["step"]


def test_what_json_cannot_say_is_written_as_text(out: io.StringIO) -> None:
    logging.getLogger("budstikke").info("x", extra={"peer": ("::1", 5), "what": object})
    line = json.loads(out.getvalue())
    assert ["::1", 5] == line["peer"]
    assert "<class 'object'>" == line["what"]


def test_levels(out: io.StringIO) -> None:
    logger = logging.getLogger("budstikke")
    logger.debug("quiet")
    assert not logger.isEnabledFor(logging.DEBUG)
    logger.warning("loud")
    assert "loud" == json.loads(out.getvalue())["step"]


def test_requests_are_never_logged_raw(out: io.StringIO) -> None:
    access = logging.getLogger("uvicorn.access")
    access.info('"GET /psk/push.php?password=hunter2" 200')
    access.error('"GET /psk/push.php?password=hunter2" 500')
    assert "" == out.getvalue()


def test_lines_go_to_standard_error_by_default(
    out: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("warning")
    logging.getLogger("budstikke").warning("here")
    line = json.loads(capsys.readouterr().err)
    assert "here" == line["step"]
    assert "node" not in line
