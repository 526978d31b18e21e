"""The file that a bug leaves: what happened, where, with which versions; no secrets."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import secrets
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ftcore._version import __version__

_SECRET_NAME = re.compile(r"(?i)token|secret|passw|credential|api_?key|access_?key")
_GIVEN = re.compile(r"(?i)([\w.-]*(?:token|secret|passw|credential|api_?key)[\w.-]*\s*[=:]\s*)\S+")
_TOKEN = re.compile(r"\b(?:hf|sk|ghp|gho|pypi|ms)[-_][A-Za-z0-9_-]{12,}")
_SHORTEST_SECRET = 6  # characters; shorter values would blot out ordinary words


def write_bug_report(error: BaseException, arguments: Sequence[str]) -> Path:
    """Write ``<cache>/bugs/ft-DATE-xxxx.txt`` (else a temporary file); return its path."""
    name = f"ft-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}.txt"
    path = _folder() / name
    text = redact("\n".join(_lines(error, arguments)) + "\n", os.environ)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path


def redact(text: str, environ: Mapping[str, str]) -> str:
    """Return ``text`` without credentials: in addresses, after ``token=``, of the environment."""
    from ftcore.packages.settings import redact as redact_addresses

    values = {
        value
        for name, value in environ.items()
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET
    }
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "***")
    return _TOKEN.sub("***", _GIVEN.sub(r"\1***", redact_addresses(text)))


def _folder() -> Path:
    try:
        from ftcore.cache import cache_dir

        folder = cache_dir() / "bugs"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except Exception:  # the cache itself may be what is broken
        pass
    return Path(tempfile.gettempdir())


def _lines(error: BaseException, arguments: Sequence[str]) -> Iterator[str]:
    yield f"ft {__version__}"
    yield f"command: ft {' '.join(arguments)}"
    yield f"folder: {_here()}"
    yield f"python: {sys.version.split()[0]} at {sys.executable}"
    yield f"platform: {platform.platform()}"
    settings = sorted(name for name in os.environ if name.startswith("FT_"))
    for name in settings:
        yield f"{name}: {os.environ[name]}"
    yield ""
    yield "".join(traceback.format_exception(error))
    yield "packages:"
    yield from sorted(_packages())


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return "(removed)"


def _packages() -> Iterator[str]:
    for found in importlib.metadata.distributions():
        yield f"  {found.metadata['Name']} {found.version}"
