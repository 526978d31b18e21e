"""Serves the voting page on this machine only: 127.0.0.1, a secret in the address, nobody else.

Every request needs the secret; the host that it names must be this machine, so that no name on the
network can be bent to point here; and what changes votes must come from the page itself.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from ftcore.errors import FtError, InputError, MachineError
from ftcore.judging.desk import Desk
from ftcore.judging.page import render_page

HOST = "127.0.0.1"
LONGEST_BODY = 65_536
_OURS = re.compile(r"(127\.0\.0\.1|localhost)(:\d{1,5})?", re.IGNORECASE)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    type: str = "application/json"
    policy: str = "default-src 'none'"


class JudgeServer:
    """The page of a desk at ``address``, from when it is made until it is closed.

    ``port`` 0 takes a free one. Raises MachineError when the port is taken.
    """

    def __init__(self, desk: Desk, *, port: int = 0) -> None:
        self.desk = desk
        self.token = secrets.token_urlsafe(24)
        self._answering = threading.Lock()
        self._closed = False
        server = self

        class Handler(_Handler):
            judge = server

        try:
            self._http = _Http((HOST, port), Handler)
        except OSError as error:
            raise MachineError(
                f"port {port} of {HOST} cannot be used: {error.strerror or error}",
                hint="leave --port out: a free one is taken",
                code="judge.port",
            ) from error

    @property
    def address(self) -> str:
        """The address to open, with its secret."""
        return f"http://{HOST}:{self._http.server_port}/{self.token}/"

    def serve(self) -> None:
        """Answer requests until an exception (Ctrl-C) or `stop`."""
        self._http.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """End `serve`, which runs in another thread."""
        self._http.shutdown()

    def close(self) -> None:
        """Give the port back; nothing is answered or kept any more."""
        with self._answering:
            self._closed = True
        self._http.server_close()

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Reply | None:
        """Return the reply to a request; none when it comes too late.

        Browsers open connections ahead, and those outlive the port.
        """
        with self._answering:
            return None if self._closed else self._reply(method, path, headers, body)

    def _reply(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer; nothing is looked at before it is known to be allowed."""
        refused = self._refused(method, path, headers)
        if refused is not None:
            return refused
        what = path.split("?", 1)[0].removeprefix(f"/{self.token}/")
        if what == "" and method == "GET":
            page, policy = render_page(self.desk.rater)
            return Reply(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8", policy)
        if method != "POST":
            return _error(HTTPStatus.NOT_FOUND, "there is nothing here")
        try:
            return Reply(HTTPStatus.OK, _encode(self._act(what, body)))
        except FtError as error:
            status = (
                HTTPStatus.BAD_REQUEST
                if isinstance(error, InputError)
                else HTTPStatus.INTERNAL_SERVER_ERROR
            )
            return _error(status, " ".join(filter(None, (error.message, error.hint))))

    def _refused(self, method: str, path: str, headers: Mapping[str, str]) -> Reply | None:
        host = headers.get("Host", "")
        if not _OURS.fullmatch(host):
            return _error(HTTPStatus.FORBIDDEN, "this page is for this machine only")
        given = path.split("?", 1)[0].split("/")[1:2]
        if not given or not secrets.compare_digest(given[0].encode(), self.token.encode()):
            return _error(HTTPStatus.FORBIDDEN, "the address lacks its secret part")
        if method == "GET":
            return None
        origin, site = headers.get("Origin"), headers.get("Sec-Fetch-Site")
        if origin is not None and urlsplit(origin)[:2] != ("http", host):
            return _error(HTTPStatus.FORBIDDEN, "the request comes from another page")
        if site not in (None, "same-origin"):
            return _error(HTTPStatus.FORBIDDEN, "the request comes from another page")
        if headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send JSON")
        return None

    def _act(self, what: str, body: bytes) -> dict[str, Any]:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            raise InputError("the request is not a JSON object", code="judge.request")
        rater = str(data.get("rater", ""))
        if what == "vote":
            return self.desk.vote(rater, data)
        actions = {"state": self.desk.state, "undo": self.desk.undo, "reopen": self.desk.reopen}
        if what not in actions:
            raise InputError("there is no such request", code="judge.request")
        return actions[what](rater)


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that hung up is no event."""


class _Handler(BaseHTTPRequestHandler):
    judge: JudgeServer
    server_version = "ft"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > LONGEST_BODY:
            self._send(_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the request is too long"))
            return
        self._answer(self.rfile.read(int(length)))

    def _answer(self, body: bytes) -> None:
        headers = {name.title(): value for name, value in self.headers.items()}
        if len(self.headers.get_all("Host") or ()) > 1:
            headers["Host"] = ""
        reply = self.judge.answer(self.command, self.path, headers, body)
        if reply is not None:
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", reply.policy)
        self.send_header("Content-Type", reply.type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Write no log: addresses hold the secret."""


def _encode(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=True, allow_nan=False).encode()


def _error(status: HTTPStatus, message: str) -> Reply:
    return Reply(status, _encode({"error": message}))
