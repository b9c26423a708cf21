"""A browser for the console: it keeps cookies, and sends the forms that it is shown."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

if TYPE_CHECKING:
    from starlette.applications import Starlette


PASSWORD = "riktig hest"


class Answer(NamedTuple):
    status: int
    headers: list[tuple[str, str]]
    page: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def text(self) -> str:
        return unescape(re.sub(r"<[^>]*>", " ", self.page))


class Browser:
    """One person's; ``scheme`` and ``host`` are those of the address line."""

    def __init__(
        self, app: Starlette, *, scheme: str = "http", host: str = "bud.example"
    ) -> None:
        self._app = app
        self._scheme = scheme
        self._host = host
        self.cookies: dict[str, str] = {}
        self.token = ""

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, b"", headers)

    async def post(
        self, path: str, form: dict[str, str] | None = None, /, **headers: str
    ) -> Answer:
        """Send a form with the token of the last page; ``token`` in it replaces it."""
        fields = {"token": self.token, **(form or {})}
        headers.setdefault("content_type", "application/x-www-form-urlencoded")
        return await self._ask("POST", path, urlencode(fields).encode(), headers)

    async def sign_in(self, mail: str, password: str = PASSWORD) -> Answer:
        await self.get("/console/sign-in")
        answer = await self.post(
            "/console/sign-in", {"mail": mail, "password": password}
        )
        if answer.status == 303:
            await self.get("/console/profile")
        return answer

    async def _ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> Answer:
        split = urlsplit(path)
        lines = {"host": self._host, **headers}
        if self.cookies:
            pairs = (f"{name}={value}" for name, value in self.cookies.items())
            lines["cookie"] = "; ".join(pairs)
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self._scheme,
            "path": split.path,
            "raw_path": split.path.encode(),
            "query_string": split.query.encode(),
            "root_path": "",
            "client": ("192.0.2.1", 5000),
            "server": ("127.0.0.1", 80),
            "headers": [
                (name.replace("_", "-").encode(), value.encode("latin-1"))
                for name, value in lines.items()
            ],
        }
        said: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self._app(scope, receive, send)
        answered = [(k.decode(), v.decode()) for k, v in said[0]["headers"]]
        page = b"".join(part.get("body", b"") for part in said[1:]).decode()
        answer = Answer(said[0]["status"], answered, page)
        self._remember(answer)
        return answer

    def _remember(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, rest = value.partition("=")
                content = rest.partition(";")[0].strip('"')
                if content:
                    self.cookies[key] = content
                else:
                    self.cookies.pop(key, None)
        found = re.search(r'name="token" value="([0-9a-f]+)"', answer.page)
        if found:
            self.token = found[1]
