"""Data sets behind an address, ``hf://`` or ``ms://``, through the hubs' own clients.

The clients' own settings apply: ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``;
``MODELSCOPE_ENDPOINT``, ``MODELSCOPE_CACHE``, ``MODELSCOPE_API_TOKEN``.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.errors import DataError


@dataclass(frozen=True, slots=True)
class Address:
    """``SCHEME://datasets/OWNER/NAME[@REVISION][/PATH]``; ``datasets/`` may be left out."""

    text: str
    scheme: str
    repository: str
    revision: str | None
    path: str

    @classmethod
    def of(cls, text: str) -> Address:
        """Read an address; `DataError` for something that is none."""
        scheme, _, rest = text.partition("://")
        parts = rest.removeprefix("datasets/").split("/", 2)
        if len(parts) < 2 or not all(parts[:2]):
            raise DataError(
                f"{text} is not an address of a data set",
                hint=f"write {scheme}://datasets/OWNER/NAME/path/to/file.jsonl",
                code="data.address",
            )
        name, _, revision = parts[1].partition("@")
        path = parts[2].rstrip("/") if len(parts) > 2 else ""
        return cls(text, scheme, f"{parts[0]}/{name}", revision or None, path)

    @property
    def is_file(self) -> bool:
        """Whether the path names a file, not a folder."""
        return bool(Path(self.path).suffix)


def fetch(text: str) -> Path:
    """Return a local path that holds the address's files.

    A path with a suffix is one file; without, a folder, and without a path the whole data set.
    Raises `DataError` when it cannot be fetched, or when its client is not installed.
    """
    address = Address.of(text)
    get: Callable[[Address], Path] = {"hf": _from_huggingface, "ms": _from_modelscope}[
        address.scheme
    ]
    try:
        return get(address)
    # What a client raises when a network or a file is missing differs from version to version.
    except Exception as error:
        if isinstance(error, DataError):
            raise
        token = "HF_TOKEN" if address.scheme == "hf" else "MODELSCOPE_API_TOKEN"
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{text} cannot be fetched: {first}",
            hint=f"check the address, the network and {token}; or download it and give the path",
            code="data.remote",
        ) from error


def _from_huggingface(address: Address) -> Path:
    from huggingface_hub import constants, hf_hub_download, snapshot_download

    where: dict[str, Any] = {
        "repo_type": "dataset",
        "revision": address.revision,
        "cache_dir": constants.HF_HUB_CACHE,
        "endpoint": os.environ.get("HF_ENDPOINT") or constants.ENDPOINT,
    }
    if address.is_file:
        return Path(hf_hub_download(address.repository, address.path, **where))
    folder = snapshot_download(address.repository, **where, allow_patterns=_patterns(address))
    return Path(str(folder)) / address.path


def _from_modelscope(address: Address) -> Path:
    try:
        downloads: Any = importlib.import_module("modelscope.hub.file_download")
        snapshots: Any = importlib.import_module("modelscope.hub.snapshot_download")
    except ImportError as error:
        raise DataError(
            f"{address.text} needs ModelScope's client",
            hint='pip install "ftcore[modelscope]"',
            code="data.no-modelscope",
        ) from error
    where = {"revision": address.revision} if address.revision else {}
    if address.is_file:
        return Path(downloads.dataset_file_download(address.repository, address.path, **where))
    folder = snapshots.dataset_snapshot_download(
        address.repository, allow_patterns=_patterns(address), **where
    )
    return Path(str(folder)) / address.path


def _patterns(address: Address) -> list[str] | None:
    return [f"{address.path}/*"] if address.path else None
