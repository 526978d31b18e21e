"""Addresses of data sets, fetched by the hubs' clients from a server on this machine."""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ftcore.data.formats import FormatOptions
from ftcore.data.read import read_rows
from ftcore.data.remote import Address, fetch
from ftcore.data.sources import find_files
from ftcore.errors import DataError

SHA = "b" * 40
ROW = b'{"prompt": "Who?", "completion": "I."}\n'
FILES = {"train.jsonl": ROW * 2, "more/a.jsonl": ROW, "more/b.jsonl": b"", "README.md": b"# x"}


class Hub(BaseHTTPRequestHandler):
    """Speaks what the two clients ask of a hub for the data set owner/name."""

    asked: list[str]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.asked.append(url.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path.startswith("/api/v1/datasets/owner/name/repo"):
            self.modelscope(url.path, query)
        elif url.path.startswith("/api/datasets/owner/name"):
            self.listing(url.path)
        elif url.path.startswith("/datasets/owner/name/resolve/"):
            self.send_file(url.path.split("/", 6)[6])
        else:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET

    def listing(self, path: str) -> None:
        if "/tree/" in path:
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": "0" * 40}
                for name, data in FILES.items()
            ]
            self.reply(200, json.dumps(entries).encode())
        else:
            siblings = [{"rfilename": name} for name in FILES]
            info = {"id": "owner/name", "sha": SHA, "siblings": siblings}
            self.reply(200, json.dumps(info).encode())

    def modelscope(self, path: str, query: dict[str, str]) -> None:
        if path.endswith("/tree"):
            files = [
                {
                    "Path": name,
                    "Name": Path(name).name,
                    "Type": "blob",
                    "Size": len(data),
                    "Sha256": hashlib.sha256(data).hexdigest(),
                    "Revision": SHA,
                }
                for name, data in FILES.items()
            ]
            body = {"Code": 200, "Success": True, "Data": {"Files": files, "TotalCount": 4}}
            self.reply(200, json.dumps(body).encode())
        else:
            self.send_file(query["FilePath"])

    def send_file(self, name: str) -> None:
        data = FILES.get(name)
        if data is None:
            self.reply(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        else:
            tag = hashlib.sha256(data).hexdigest()
            self.reply(200, data, {"ETag": f'"{tag}"', "X-Repo-Commit": SHA})

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A hub on this machine; one for all tests, because a client keeps the first it meets."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def hub(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hub as both clients' endpoint; the paths that it is asked for from now on."""
    from huggingface_hub import constants

    Hub.asked = []
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", endpoint)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    return Hub.asked


@pytest.fixture(params=["hf", "ms"])
def scheme(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "ms":
        pytest.importorskip("modelscope")
        monkeypatch.setattr(logging.getLogger("modelscope"), "disabled", True)
    return str(request.param)


def test_one_file(hub: list[str], scheme: str, tmp_path: Path) -> None:
    address = f"{scheme}://datasets/owner/name/train.jsonl"
    report = read_rows(address, base=tmp_path, format="auto", options=FormatOptions())
    assert [str(row.source) for row in report.rows] == [f"{address}:1", f"{address}:2"]
    assert hub


def test_a_folder(hub: list[str], scheme: str, tmp_path: Path) -> None:
    address = f"{scheme}://owner/name/more/"
    files = find_files(address, base=tmp_path)
    assert [file.name for file in files] == [f"{address}a.jsonl", f"{address}b.jsonl"]
    assert files[0].path.read_bytes() == ROW
    assert not any("train.jsonl" in path for path in hub)


def test_a_whole_data_set(hub: list[str], scheme: str, tmp_path: Path) -> None:
    files = find_files(f"{scheme}://owner/name@main", base=tmp_path)
    names = [file.name.removeprefix(f"{scheme}://owner/name@main/") for file in files]
    assert names == ["more/a.jsonl", "more/b.jsonl", "train.jsonl"]


@pytest.mark.parametrize("path", ["owner/gone/train.jsonl", "owner/name/gone.jsonl", "owner/gone"])
def test_what_is_not_there(hub: list[str], scheme: str, tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError, match="cannot be fetched") as caught:
        find_files(f"{scheme}://{path}", base=tmp_path)
    assert (caught.value.code, "or download it" in str(caught.value.hint)) == ("data.remote", True)


def test_no_address() -> None:
    with pytest.raises(DataError, match="is not an address") as caught:
        fetch("hf://datasets/owner")
    assert "hf://datasets/OWNER/NAME" in str(caught.value.hint)


def test_addresses() -> None:
    found = Address.of("ms://datasets/o/n@v1/a/b.jsonl.gz")
    assert (found.repository, found.revision, found.path) == ("o/n", "v1", "a/b.jsonl.gz")
    assert found.is_file
    assert not Address.of("hf://o/n").is_file


def test_without_modelscope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope", None)
    for name in [name for name in sys.modules if name.startswith("modelscope.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(DataError, match="needs ModelScope's client") as caught:
        fetch("ms://owner/name")
    assert caught.value.code == "data.no-modelscope"
    with pytest.raises(ImportError):
        importlib.import_module("modelscope.hub.file_download")
