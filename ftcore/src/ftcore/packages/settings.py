"""The user's pip settings, said again in uv's words.

People behind a company mirror have told pip where packages come from; uv does not read that. What
pip knows from its environment variables and configuration files is translated, and whatever the
user told uv directly wins:

===================================  ===========================================
pip                                  uv
===================================  ===========================================
``index-url``                        ``UV_DEFAULT_INDEX``
``extra-index-url``                  ``UV_INDEX`` and ``UV_INDEX_STRATEGY``
``find-links``                       ``UV_FIND_LINKS``
``no-index``                         ``UV_NO_INDEX`` (passed as ``--no-index``)
``cert``                             ``SSL_CERT_FILE``
``trusted-host``                     ``UV_INSECURE_HOST``
``proxy``                            ``ALL_PROXY``
===================================  ===========================================
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

PIP_SETTINGS = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "cert",
    "trusted-host",
    "proxy",
)
_LISTS = ("extra-index-url", "find-links", "trusted-host")
_SECTIONS = ("global", "download", "install")
_TRUE = ("1", "true", "yes", "on")

# Variables of another Python's life, which would make uv act on the wrong environment.
_FOREIGN = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "UV_TARGET",
    "UV_REQUIRE_HASHES",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
)


@dataclass(frozen=True)
class PackageSettings:
    """Where packages come from: the environment for uv, and what was translated or left out.

    ``environment`` is complete (the process's own, cleaned, plus the translation). ``notes`` are
    lines for the build log, secrets removed.
    """

    environment: dict[str, str]
    no_index: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def own_index(self) -> bool:
        """Whether the user named an index of their own (a mirror, a company's server)."""
        names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
        return any(self.environment.get(name) for name in names)

    @property
    def torch_backend(self) -> str | None:
        """The ``UV_TORCH_BACKEND`` that the user chose, if any."""
        return self.environment.get("UV_TORCH_BACKEND") or None

    def find_links_folders(self) -> list[Path]:
        """Return the local folders among the find-links entries."""
        entries = self.environment.get("UV_FIND_LINKS", "").split(",")
        places = [_local_path(entry.strip()) for entry in entries if entry.strip()]
        return [place for place in places if place is not None and place.is_dir()]


def package_settings(
    environ: Mapping[str, str] | None = None, files: Iterable[Path] | None = None
) -> PackageSettings:
    """Return the user's package settings for uv.

    ``environ`` (default: this process's) and ``files`` (default: pip's own places) are where pip's
    settings are read; an environment variable wins over a file, a later file over an earlier one.
    Indexes and find-links that name a local path which does not exist are dropped with a note.
    """
    source = dict(os.environ if environ is None else environ)
    pip = _pip_settings(source, pip_config_files(source) if files is None else files)
    uv = {name: value for name, value in source.items() if name not in _FOREIGN}
    notes: list[str] = []
    default = pip.get("index-url", "")
    if default and not _either(uv, "UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        uv["UV_DEFAULT_INDEX"] = default
    extra = _existing(pip.get("extra-index-url", "").split(), notes)
    if extra and not _either(uv, "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        uv["UV_INDEX"] = " ".join(extra)
        # pip takes the best version over all indexes; what ft installs is pinned by hash anyway.
        uv.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    links = _existing(pip.get("find-links", "").split(), notes)
    if links and not uv.get("UV_FIND_LINKS"):
        uv["UV_FIND_LINKS"] = ",".join(links)
    _translate_connection(pip, uv, notes)
    no_index = pip.get("no-index", "").lower() in _TRUE
    return PackageSettings(uv, no_index, tuple(redact(note) for note in notes))


def _either(environment: Mapping[str, str], *names: str) -> bool:
    return any(environment.get(name) for name in names)


def _translate_connection(pip: Mapping[str, str], uv: dict[str, str], notes: list[str]) -> None:
    """Translate certificates, unverified hosts and the proxy into ``uv``."""
    certificate = pip.get("cert", "")
    if certificate and not uv.get("SSL_CERT_FILE"):
        if Path(certificate).exists():
            uv["SSL_CERT_FILE"] = certificate
        else:
            notes.append(f"left out the certificate file {certificate}: it does not exist")
    if pip.get("trusted-host") and not uv.get("UV_INSECURE_HOST"):
        uv["UV_INSECURE_HOST"] = " ".join(pip["trusted-host"].split())
    if pip.get("proxy") and not _either(uv, "ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
        uv["ALL_PROXY"] = pip["proxy"]


def _pip_settings(environ: Mapping[str, str], files: Iterable[Path]) -> dict[str, str]:
    """Return pip's settings: configuration files in order, then environment variables."""
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue  # pip itself reports a broken configuration; packages may work without it
        for section in _SECTIONS:
            for name in PIP_SETTINGS:
                if parser.has_option(section, name):
                    found[name] = parser.get(section, name)
    for name in PIP_SETTINGS:
        value = environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            found[name] = value
    return {
        name: " ".join(value.split()) if name in _LISTS else value.strip()
        for name, value in found.items()
    }


def pip_config_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the places of pip's configuration files, the weakest first.

    Source: pip's user guide, "Configuration files" (global, user, site, ``PIP_CONFIG_FILE``).
    """
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        machine = [Path("/Library/Application Support/pip/pip.conf")]
        user = home / "Library/Application Support/pip/pip.conf"
        config = user if user.parent.is_dir() else home / ".config/pip/pip.conf"
    else:
        shared = environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        machine = [Path(place) / "pip/pip.conf" for place in reversed(shared.split(":")) if place]
        machine.append(Path("/etc/pip.conf"))
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    files = [*machine, home / ".pip/pip.conf", config, Path(sys.prefix) / "pip.conf"]
    return [*files, Path(chosen)] if chosen else files


def _existing(entries: Iterable[str], notes: list[str]) -> list[str]:
    """Return ``entries`` without local ones that do not exist (noted)."""
    kept = []
    for entry in entries:
        place = _local_path(entry)
        if place is not None and not place.exists():
            notes.append(f"left out the package source {entry}: it does not exist")
        else:
            kept.append(entry)
    return kept


def _local_path(entry: str) -> Path | None:
    """Return the local path that an index or find-links entry names, or None for a web address."""
    parts = urlsplit(entry)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme else Path(entry).expanduser()


def redact(text: str) -> str:
    """Return ``text`` with the user names, passwords and tokens of web addresses as ``***``."""
    text = re.sub(r"(?i)\b([a-z][a-z0-9+.-]*://)[^/\s@'\"]+@", r"\1***@", text)
    return re.sub(r"(?i)([?&](?:token|key|secret|password|sig)[^=&\s]*=)[^&\s'\"]+", r"\1***", text)
