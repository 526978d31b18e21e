"""The hub client against a server on this machine that speaks the hub's addresses."""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from ftcore.errors import DiskFull, ModelError
from ftcore.models import hub
from ftcore.models.folder import check_folder

Maker = Callable[..., Path]
SHA = "a" * 40


class Hub(BaseHTTPRequestHandler):
    """Serves the files of ``folder`` as owner/name, and records what was asked."""

    folder: Path
    extra: dict[str, int]
    asked: list[str]

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.asked.append(path)
        if path.startswith("/api/models/owner/name"):
            if "/revision/gone" in path:
                self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
            elif "/tree/" in path:
                self.reply(200, json.dumps(self.tree()).encode(), {}, body)
            else:
                self.reply(200, json.dumps(self.info()).encode(), {}, body)
        elif path.startswith(f"/owner/name/resolve/{SHA}/"):
            content = (self.folder / path.rsplit("/", 1)[1]).read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()}"'
            self.reply(200, content, {"ETag": tag, "X-Repo-Commit": SHA}, body)
        elif path.startswith("/api/models/owner/gated"):
            self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
        else:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

    def info(self) -> dict[str, object]:
        sizes = {p.name: p.stat().st_size for p in self.folder.iterdir()} | self.extra
        siblings = [{"rfilename": name, "size": size} for name, size in sizes.items()]
        return {"id": "owner/name", "modelId": "owner/name", "sha": SHA, "siblings": siblings}

    def tree(self) -> list[dict[str, object]]:
        return [
            {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": "0" * 40}
            for p in self.folder.iterdir()
        ]

    def reply(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[type[Hub]]:
    handler = type("Handler", (Hub,), {"folder": make_folder("served"), "extra": {}, "asked": []})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{httpd.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    yield handler
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def fetch(
    model_id: str = "owner/name",
    revision: str | None = None,
    *,
    offline: bool = False,
    code: bool = False,
    notify: Callable[[str], None] = lambda line: None,
) -> Path:
    return hub.from_huggingface(model_id, revision, offline=offline, code=code, notify=notify)


def test_a_model_is_downloaded_and_then_found_offline(server: type[Hub], said: list[str]):
    (server.folder / "modeling_own.py").write_text("raise SystemExit")
    (server.folder / "pytorch_model.bin").write_bytes(b"pickle")
    folder = fetch(notify=said.append)
    check_folder(folder)
    assert said == [f"model owner/name: from {os.environ['HF_ENDPOINT']}, revision {SHA[:12]}"]
    assert not (folder / "modeling_own.py").exists()
    assert not (folder / "pytorch_model.bin").exists()
    server.asked.clear()
    assert fetch(offline=True) == folder
    assert server.asked == []
    assert (fetch(code=True) / "modeling_own.py").exists()


@pytest.mark.parametrize(
    ("model_id", "revision", "code"),
    [
        ("owner/none", None, "model.not-on-hub"),
        ("owner/name", "gone", "model.unknown-revision"),
        ("owner/gated", None, "model.gated"),
    ],
)
def test_what_the_hub_refuses_is_said_plainly(
    server: type[Hub], model_id: str, revision: str | None, code: str
):
    with pytest.raises(ModelError) as caught:
        fetch(model_id, revision)
    assert caught.value.code == code
    assert caught.value.hint


def test_pickled_weights_are_refused_before_the_download(server: type[Hub]):
    (server.folder / "model.safetensors").rename(server.folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="only pickled ones"):
        fetch()
    assert not any("/resolve/" in path for path in server.asked)


def test_a_model_larger_than_the_disk_is_refused_before_the_download(server: type[Hub]):
    server.extra["model-2.safetensors"] = 10**18
    with pytest.raises(DiskFull):
        fetch()
    assert not any("/resolve/" in path for path in server.asked)


def test_what_is_in_the_cache_needs_no_space(server: type[Hub], monkeypatch: pytest.MonkeyPatch):
    folder = fetch()
    monkeypatch.setattr(hub, "_MARGIN", 10**18)
    assert fetch() == folder


def test_offline_without_a_copy(server: type[Hub], monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ModelError) as caught:
        fetch(offline=True)
    assert caught.value.code == "model.offline"
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError) as caught:
        fetch()
    assert caught.value.code == "model.offline"
    assert server.asked == []


def test_a_hub_that_cannot_be_reached(
    server: type[Hub], monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError) as caught:
        fetch(notify=said.append)
    assert caught.value.code == "model.unreachable"
    assert "cannot be asked" in said[0]


def test_modelscope_is_asked_through_its_own_client(
    make_folder: Maker, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    folder, asked = make_folder(), {}

    def snapshot_download(model_id: str, **options: object) -> str:
        asked.update(options, model_id=model_id)
        if model_id == "owner/none":
            raise ValueError("no such model\nmore")
        return str(folder)

    client = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "modelscope", client)
    found = hub.from_modelscope("owner/name", "v1", offline=False, code=False, notify=said.append)
    assert found == folder
    assert (asked["revision"], asked["local_files_only"]) == ("v1", False)
    assert "*.safetensors" in asked["allow_patterns"]
    assert "*.py" not in asked["allow_patterns"]
    with pytest.raises(ModelError, match=r"no such model$"):
        hub.from_modelscope("owner/none", None, offline=False, code=False, notify=said.append)


def test_without_modelscopes_client(monkeypatch: pytest.MonkeyPatch, said: list[str]):
    monkeypatch.setitem(sys.modules, "modelscope", None)
    with pytest.raises(ModelError, match="not installed"):
        hub.from_modelscope("owner/name", None, offline=False, code=False, notify=said.append)
