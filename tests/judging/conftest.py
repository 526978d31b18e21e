"""Runs made by hand, and a server that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ftcore.judging.pairs import Contest, before_and_after
from ftcore.protocol import write_json
from ftcore.runs.folder import Manifest, RunFolder

ATTACK = '<script>alert(1)</script><img src="https://evil.example/x.png" onerror="alert(2)">'
ROWS = {
    "r0": ("Capital of France?", "Lyon", "Paris"),
    "r1": ("中国的首都是哪里?", "上海", "北京"),
    "r2": (ATTACK, ATTACK + " before", ATTACK + "\u202e after"),
    "r3": ("Same?", "the same", "the same \n"),
    "r4": ("Capital of Peru?", "", "Lima"),
    "r5": ("Capital of Cuba?", "Havana", "Trinidad\nSantiago"),
}


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunFolder]:
    """A function that writes a finished run; ``rows`` maps a row to prompt, before, after."""

    def make(name: str = "toy-a", rows: dict[str, Any] = ROWS, **stages: str) -> RunFolder:
        run = RunFolder(tmp_path / "runs" / name)
        (run.path / "predictions").mkdir(parents=True)
        manifest = Manifest(name, "toy", None, "toy", "m", 1, 1.0, "finished")
        write_json({n: getattr(manifest, n) for n in manifest.__slots__}, run.file("run.json"))
        names = stages or {"first": "before", "second": "after"}
        lines = [
            {
                "row_id": row_id,
                "source": f"test.jsonl:{number}",
                "prompt": [
                    {"role": "system", "content": "Answer briefly."},
                    {"role": "user", "content": asked},
                ],
                "reference": f"reference of {row_id}",
                "fields": {},
                "answers": {names["first"]: before, names["second"]: after},
            }
            for number, (row_id, (asked, before, after)) in enumerate(rows.items(), 1)
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        run.file("predictions/rows.jsonl").write_text(text, encoding="utf-8")
        return run

    return make


@pytest.fixture
def contest(make_run: Any) -> Contest:
    """Before and after of a run with six rows, one of them with identical answers."""
    return before_and_after(make_run())


@dataclass
class Api:
    """The server: ``reply`` maps (answer 1, answer 2) to what the model says.

    ``script`` are replies to come first: a status, headers and a body. ``asked`` holds every
    request's path, headers and body; ``most`` is how many there were at one time.
    """

    reply: Callable[[str, str], str] = lambda one, two: "VERDICT: TIE"
    script: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    address: str = ""
    now: int = 0
    most: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        """Return status, headers and body of the reply to a request."""
        data = json.loads(body)
        with self.lock:
            self.asked.append((path, headers, data))
            if self.script:
                return self.script.pop(0)
        if path != "/v1/chat/completions":
            return 404, {}, b'{"error": {"message": "no such path"}}'
        said = self.reply(*answers_in(data["messages"][0]["content"]))
        choice = {"index": 0, "message": {"role": "assistant", "content": said}}
        return 200, {}, json.dumps({"object": "chat.completion", "choices": [choice]}).encode()


def answers_in(prompt: str) -> list[str]:
    """Return the two answers as the judge sees them."""
    pattern = r"<answer-{0}-(\w+)>\n(.*?)\n</answer-{0}-\1>"
    return [re.search(pattern.format(n), prompt, re.S)[2] for n in (1, 2)]  # type: ignore[index]


@pytest.fixture
def api() -> Iterator[Api]:
    """A chat completions server on this machine."""
    served = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with served.lock:
                served.now += 1
                served.most = max(served.most, served.now)
            status, headers, data = served.answer(self.path, dict(self.headers.items()), body)
            with served.lock:
                served.now -= 1
            if status == 0:  # hang up without a word
                self.connection.close()
                return
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()
