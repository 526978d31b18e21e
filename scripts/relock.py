"""Write a plugin's lock again from its requirements.in and overrides.txt.

    python scripts/relock.py plugins/ft-trl/src/ft_trl/locks
    python scripts/relock.py --check plugins/*/src/*/locks

The lock is universal (Python 3.11 and newer, Linux and macOS), carries the hash of every file, and
names neither an index nor a path. ``--check`` resolves nothing: it says whether the lock names all
that requirements.in pins, and exits 1 if not.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ftcore.environments.lock import read_lock
from ftcore.packages.installer import UvInstaller, log_tail
from ftcore.packages.settings import package_settings

HEADER = "# Written by scripts/relock.py from requirements.in: do not edit.\n"
OLDEST = "3.11"
PLATFORMS = [
    {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "os_name": "posix",
    }
    for python, (platform, system), machine in itertools.product(
        ("3.11", "3.12", "3.13", "3.14"),
        (("linux", "Linux"), ("darwin", "Darwin")),
        ("x86_64", "aarch64", "arm64"),
    )
]


def relock(folder: Path) -> str:
    """Return the text of the lock for ``requirements.in`` and ``overrides.txt`` of ``folder``."""
    with tempfile.TemporaryDirectory(prefix="ft-relock-") as work:
        out, log = Path(work) / "lock.txt", Path(work) / "uv.log"
        args = ["pip", "compile", str(folder / "requirements.in"), "-o", str(out)]
        args += ["--override", str(folder / "overrides.txt"), "--universal", "--upgrade"]
        args += ["--prerelease", "disallow"]
        args += ["--python-version", OLDEST, "--generate-hashes", "--no-annotate", "--no-header"]
        if UvInstaller().run(args, package_settings().environment, log) != 0:
            sys.exit(f"uv could not resolve {folder}:\n{log_tail(log, 40)}")
        return HEADER + "".join(entry for entry in entries(out.read_text("utf-8")) if used(entry))


def entries(text: str) -> list[str]:
    """Return the requirements of a lock, each with its lines of hashes."""
    return re.findall(r"^(?:[A-Za-z0-9].*\n(?:[ \t]+.*\n)*)", text, flags=re.MULTILINE)


def used(entry: str) -> bool:
    """Whether the requirement applies to any platform that ft supports."""
    _, _, marker = entry.splitlines()[0].rstrip("\\ ").partition(";")
    return not marker or any(Marker(marker.strip()).evaluate(place) for place in PLATFORMS)


def missing(folder: Path) -> list[str]:
    """Return the requirements of ``requirements.in`` that the lock does not satisfy."""
    locked: dict[str, list[str]] = {}
    for pin in read_lock(folder / "lock.txt"):
        locked.setdefault(pin.name, []).append(pin.version)
    lines = (folder / "requirements.in").read_text("utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line.strip() and not line.startswith("#")]
    return [
        str(requirement)
        for requirement in wanted
        if not any(
            requirement.specifier.contains(version, prereleases=True)
            for version in locked.get(canonicalize_name(requirement.name), [])
        )
    ]


def main() -> int:
    """Write or check the locks of the folders on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="only compare with requirements.in")
    arguments = parser.parse_args()
    status = 0
    for folder in arguments.folders:
        if arguments.check:
            lacking = missing(folder)
            status |= bool(lacking)
            note = f"lacks {', '.join(lacking)}" if lacking else "ok"
        else:
            text = relock(folder.resolve())
            (folder / "lock.txt").write_text(text, encoding="utf-8")
            note = f"{len(entries(text))} requirements"
        sys.stdout.write(f"{folder / 'lock.txt'}: {note}\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
