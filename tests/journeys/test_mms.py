"""MMS both ways: by the simulator's phones, and by MM7 to an MMSC of others' make."""

from __future__ import annotations

import base64
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from standardwebhooks import Webhook

from carriers.mm7.mmsc import XML, Mmsc, delivery, fault, read_reply
from journeys.gateway import toml
from journeys.processes import wait_until
from journeys.twoway import OWNED, SECRET, SHARED, TwoWay, access
from journeys.web import ask

if TYPE_CHECKING:
    from pathlib import Path

    from journeys.twoway import Own
    from journeys.web import Answer

pytestmark = [pytest.mark.slow, pytest.mark.peer]

KEY = "whsec_" + "a" * 32
ONE, TWO = "+4790000101", "+4790000102"
GIF = base64.b64decode("R0lGODlhAQABAAAAACw=")
JPEG = b"\xff\xd8\xff\r\n--oo\r\n\x00 a picture"


def ip1(_: Any) -> dict[str, Any]:
    return {"access": [access("ip1", "acme")]}


def native(url: Any) -> dict[str, Any]:
    settings = {
        "status_url": url("status"),
        "inbound_url": url("in"),
        "webhook_secrets": [KEY],
    }
    found = access("native", **settings)
    return {"access": [found], "number": [{"value": OWNED}]}


def test_ip1_to_a_phone(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, ip1)
    login = {"konto": "acme", "passwd": SECRET}

    def call(operation: str, **values: str) -> str:
        body = urlencode({**login, **values}).encode()
        form = {"content-type": "application/x-www-form-urlencoded"}
        target = f"/mms/mms.asmx/{operation}"
        answer = ask(site.gateway.port, "POST", target, body, form)
        found = re.search(r">([0-9]+)</string>", answer.body.decode())
        assert found is not None, answer
        return found[1]

    files = base64.b64encode(GIF).decode()
    to = {"to": ONE[1:], "from": "46705555555"}
    mms_id = call("sendMMS", msg="Hej%0aMMS", files=files, **to)
    assert int(mms_id) > 1000

    wait_until("it is there", lambda: site.gateway.phone(ONE))
    (message,) = site.gateway.phone(ONE)
    assert ("mms", "Hej\nMMS", "46705555555") == (
        message["kind"],
        message["text"],
        message["originator"],
    )
    (part,) = message["parts"]
    assert ("image/gif", len(GIF)) == (part["type"], part["size"])
    assert GIF == site.gateway.ask("GET", part["url"]).body
    wait_until("it is delivered", lambda: call("status", mmsId=mms_id) == "22")


class Operated:
    """A site whose MMS go by MM7, and whose texts by the simulator."""

    def __init__(self, folder: Path, own: Own) -> None:
        self.mmsc = Mmsc(self._deliver)
        own(_Closing(self.mmsc))
        self.site = TwoWay(folder, own, native)
        settings = {
            "url": self.mmsc.url,
            "allow_http": True,
            "vaspid": "acme",
            "read_replies": True,
            "deliver_token": SECRET,
            "pause_min": 0.1,
        }
        carrier = {"name": "mmsc", "kind": "mm7", "settings": settings}
        route = {"prefix": "+", "carriers": ["mmsc", "operator"]}
        file = folder / "mm7.toml"
        file.write_text(toml({"carrier": [carrier], "route": [route]}), "utf-8")
        self.site.gateway.run("apply", str(file))
        wait_until("the MMSC is known", lambda: "mmsc" in self._ready())

    def _ready(self) -> Any:
        return self.site.gateway.ask("GET", "/readyz").json["parts"]

    def _deliver(self, content_type: str, body: bytes) -> tuple[int, bytes]:
        port = self.site.gateway.port
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/mm7/mmsc?token={SECRET}",
            body,
            {"content-type": content_type, "soapaction": '""'},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def send(self, to: str, **values: Any) -> Answer:
        files = [
            {
                "name": "sol.gif",
                "type": "image/gif",
                "data": base64.b64encode(GIF).decode(),
            }
        ]
        body = {"to": to, "from": OWNED, "files": files, **values}
        return self.site.native("POST", "/mms", body)


class _Closing:
    def __init__(self, mmsc: Mmsc) -> None:
        self._mmsc = mmsc.__enter__()

    def close(self) -> None:
        self._mmsc.__exit__()


def test_native_by_mm7_and_back(tmp_path: Path, own: Own) -> None:
    operated = Operated(tmp_path, own)
    site = operated.site

    answer = operated.send(ONE, subject="Sol", text="Hei", ref="r-7")
    assert 201 == answer.status, answer
    assert f"/v1/messages/{answer.json['id']}" == answer.headers["location"]
    (told,) = site.told(1, "status")
    Webhook(KEY).verify(told.body, told.headers)
    assert ("message.delivered", answer.json["id"], "r-7") == (
        told.json["type"],
        told.json["data"]["id"],
        told.json["data"]["ref"],
    )
    (submission,) = operated.mmsc.submissions
    assert ("Sol", [ONE]) == (submission.fields["Subject"], list(operated.mmsc.ids))
    assert ("image/gif", "sol.gif", GIF) == submission.parts[2]

    for _ in range(2):  # the MMSC says it twice; the customer hears it once
        status, _body = operated.mmsc.tell(read_reply(operated.mmsc.ids[ONE], "Read"))
        assert 200 == status
    read = site.told(2, "status")[1]
    assert ("message.read", answer.json["id"]) == (
        read.json["type"],
        read.json["data"]["id"],
    )
    shown = site.native("GET", f"/messages/{answer.json['id']}").json
    assert ("mms", "delivered") == (shown["encoding"], shown["state"])

    content_type, body = delivery(TWO, f"+{OWNED}", "Svar", JPEG)
    status, said = operated.mmsc.tell(body, content_type)
    assert 200 == status, said
    (received,) = site.told(1, "in")
    data = received.json["data"]
    assert ("mms", TWO, "Svar\nHei på deg", "Svar") == (
        data["kind"],
        data["from"],
        data["text"],
        data["subject"],
    )
    text, picture = data["media"]
    assert "text/plain; charset=utf-8" == text["type"]
    fetched = site.native("GET", f"/media/{picture['id']}")
    assert (JPEG, "image/jpeg") == (fetched.body, fetched.headers["content-type"])

    assert 500 == operated.mmsc.tell(b"<junk", XML)[0]
    site.gateway.stop()


def test_a_phone_without_mms_gets_a_link(tmp_path: Path, own: Own) -> None:
    operated = Operated(tmp_path, own)
    site = operated.site
    operated.mmsc.script = lambda _: fault(2004, "Content refused")

    fallback = "Et bilde til deg: {link}"
    answer = operated.send(TWO, subject="Sol", text="Hei på deg", fallback=fallback)

    ((originator, text),) = site.heard(TWO)
    assert OWNED == originator
    found = re.fullmatch(r"Et bilde til deg: http://127\.0\.0\.1:\d+(/m/\d{20})", text)
    assert found is not None, text
    page = site.gateway.ask("GET", found[1])
    assert (200, True) == (page.status, "Hei på deg" in page.body.decode())
    assert "noindex" in page.headers["x-robots-tag"]
    picture = site.gateway.ask("GET", f"{found[1]}/1")
    assert (GIF, "image/gif") == (picture.body, picture.headers["content-type"])
    (told,) = site.told(1, "status")
    assert ("message.rejected", answer.json["id"]) == (
        told.json["type"],
        told.json["data"]["id"],
    )


def front(url: Any) -> dict[str, Any]:
    settings = {"two_way": True, "mms": True, "inbound_url": url("front")}
    found = access("front", "1000", inbound_style="json", **settings)
    return {"access": [found], "number": [{"value": OWNED}]}


def sveve(url: Any) -> dict[str, Any]:
    keyword = {"number": SHARED, "word": "BILDE", "url": url("sveve")}
    return {"access": [access("sveve", "acme")], "keyword": [keyword]}


def send_from(site: TwoWay, phone: str, to: str) -> None:
    part = {"name": "sol.jpg", "type": "image/jpeg"}
    body = {
        "to": to,
        "subject": "Bilde",
        "text": "fra ferien",
        "parts": [{**part, "data": base64.b64encode(JPEG).decode()}],
    }
    answer = site.gateway.ask("POST", f"/simulator/phones/{phone}/messages", body)
    assert 201 == answer.status, answer


def test_a_phones_mms_to_front(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, front)
    send_from(site, ONE, OWNED)
    (told,) = site.told(1, "front")
    assert ("Bilde\nfra ferien", "BILDE") == (told.json["text"], told.json["keyword"])
    smil, text, picture = told.json["files"]
    assert "application/smil" == smil["contentType"]
    assert "fra ferien" == base64.b64decode(text["fileData"]).decode()
    assert ("image/jpeg", "sol.jpg") == (picture["contentType"], picture["fileName"])
    assert JPEG == base64.b64decode(picture["fileData"])


def test_a_phones_mms_to_sveve(tmp_path: Path, own: Own) -> None:
    site = TwoWay(tmp_path, own, sveve)
    send_from(site, ONE, SHARED)
    (told,) = site.told(1, "sveve")
    said = told.query()
    assert ("BILDE", "Bilde\nfra ferien") == (said["prefix"], said["msg"])
    _, _, picture = said["mmsid"].split(",")
    shown = site.gateway.ask("GET", f"/SMS/ShowImage?id={picture}")
    assert (200, JPEG, "image/jpeg") == (
        shown.status,
        shown.body,
        shown.headers["content-type"],
    )
