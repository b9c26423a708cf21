"""
The phone screen as HTML. Pure; every value is escaped.

The server renders whole pages, and the script only fetches them again. They load
nothing from other sites, so the strictest content security policy works.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row = dict[str, Any]
"""A phone or a message, as the API gives it."""

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""The content security policy of these pages."""

_STATIC = Path(__file__).parent / "static"

STATIC: Final[dict[str, tuple[str, bytes]]] = {
    "phones.css": ("text/css", (_STATIC / "phones.css").read_bytes()),
    "phones.js": ("text/javascript", (_STATIC / "phones.js").read_bytes()),
}
"""Files that the pages load: media type and octets by name."""

_REPLACE_TYPES = range(65, 72)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/simulator/static/phones.css">
<script src="/simulator/static/phones.js" defer></script>
</head>
<body data-events="{events}">
<h1><a href="/simulator">Simulated phones</a>{heading}</h1>
<p role="alert" id="alert"></p>
{body}
</body>
</html>
"""

_OPEN = """<form action="/simulator" method="get">
<label>Phone <input name="phone" placeholder="+4799999999" required></label>
<button>Show</button>
</form>"""


def list_page(phones: Iterable[Row], fates: Mapping[str, str]) -> str:
    """Render the list of phones, last used first, and the table of fates."""
    rows = "".join(_phone_row(phone) for phone in phones)
    listed = rows or '<tr><td colspan="4">No phone has been used yet.</td></tr>'
    fixed = "".join(
        f"<tr><td>… {escape(digits)}</td><td>{escape(summary)}</td></tr>"
        for digits, summary in fates.items()
    )
    table = f"<h2>Numbers with a fixed fate</h2><table>{fixed}</table>" if fixed else ""
    return _PAGE.format(
        title="Simulated phones",
        events="/simulator/events",
        heading="",
        body=f"""{_OPEN}
<table id="live">
<tr><th>Phone</th><th>Messages</th><th>Last received</th><th></th></tr>
{listed}
</table>
{table}""",
    )


def _phone_row(phone: Row) -> str:
    number = str(phone["number"])
    off = "" if phone["on"] else "switched off"
    return (
        f'<tr><td><a href="/simulator?phone={quote(number)}">{escape(number)}</a></td>'
        f"<td>{phone['messages']}</td><td>{_time(phone['last_at'])}</td>"
        f"<td>{off}</td></tr>\n"
    )


def phone_page(phone: Row, received: Sequence[Row], sent: Sequence[Row]) -> str:
    """Render one phone: its messages, newest last, and a form to answer."""
    number = str(phone["number"])
    path = f"/simulator/phones/{quote(number)}"
    shown = sorted([*received, *sent], key=lambda row: int(row["id"]))
    bubbles = "".join(_sent(row) if "to" in row else _received(row) for row in shown)
    answer_to = received[-1]["originator"] if received else ""
    off = "" if phone["on"] else ' class="off"'
    return _PAGE.format(
        title=escape(number),
        events=f"{path}/events",
        heading=f" · {escape(number)}",
        body=f"""{_switch(path, on=phone["on"])}
<ol id="live"{off}>{bubbles}</ol>
<form action="{path}/messages" data-method="POST">
<label>To <input name="to" value="{escape(answer_to)}" required></label>
<label class="wide">Text <textarea name="text"></textarea></label>
<label>Subject (MMS) <input name="subject"></label>
<label>Files (MMS) <input name="file" type="file" multiple></label>
<button>Send</button>
</form>""",
    )


def _switch(path: str, *, on: bool) -> str:
    body, does = ("false", "Switch off") if on else ("true", "Switch on")
    state = "on" if on else "off: messages wait until it is on, or expire"
    return f"""<div class="bar" id="switch"><span>This phone is {state}.</span>
<form action="{path}" data-method="PUT" data-body='{{"on": {body}}}'>
<button>{does}</button></form>
<form action="{path}/messages" data-method="DELETE"><button>Empty</button></form></div>
"""


def _received(row: Row) -> str:
    flash = ' class="flash"' if row["flash"] else ""
    facts = [escape(str(row["originator"])), _time(row["received_at"]), *_size(row)]
    tags = ["flash"] if row["flash"] else []
    if row["protocol_id"] in _REPLACE_TYPES:
        tags.append(f"replace type {row['protocol_id'] - 64}")
    if row["forced_ucs2"]:
        tags.append(f"UCS-2 because of {escape(row['forced_ucs2'])}")
    marks = "".join(f' <span class="tag">{tag}</span>' for tag in tags)
    return f"<li{flash}><small>{' · '.join(facts)}{marks}</small>{_content(row)}</li>\n"


def _size(row: Row) -> tuple[str, ...]:
    """Describe the size of a message: segments, alphabet, characters."""
    if row["kind"] == "mms":
        return ("MMS",)
    segments = row["segments"]
    return (
        "GSM" if row["encoding"] == "gsm" else "UCS-2",
        "1 segment" if segments == 1 else f"{segments} segments",
    )


def _content(row: Row) -> str:
    """Show subject, text and parts; a link if a browser cannot show a part."""
    subject = f"<strong>{escape(row['subject'])}</strong>" if row["subject"] else ""
    text = f"<p>{escape(str(row['text']))}</p>" if row["text"] else ""
    return subject + text + "".join(_part(part) for part in row["parts"])


def _part(part: Row) -> str:
    url, name = escape(part["url"]), escape(part["name"] or part["type"])
    begins = part["type"].partition("/")[0]
    if begins == "image" and not part["type"].startswith("image/svg"):
        return f'<img src="{url}" alt="{name}">'
    if begins in ("audio", "video"):
        return f'<{begins} src="{url}" controls></{begins}>'
    return f'<p><a href="{url}">{name}</a> ({part["size"]} octets)</p>'


def _sent(row: Row) -> str:
    return (
        f'<li class="sent"><small>to {escape(str(row["to"]))} · '
        f"{_time(row['sent_at'])}</small>{_content(row)}</li>\n"
    )


def _time(written: str | None) -> str:
    """Write ``2026-11-01T12:00:00.000Z`` as date and time for people."""
    if written is None:
        return ""
    return f"<time>{escape(written[:19].replace('T', ' '))}</time>"
