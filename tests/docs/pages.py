"""The pages of the documentation, their code blocks, and running the commands in them.

A comment before a block says what its test does: ``<!-- test: heavy -->`` needs the real model or
an environment; ``<!-- test: plugin -->`` needs the plugin of that page; ``<!-- test: not run, since
... -->`` gives the reason. Without a comment a command runs in the default suite, offline.
``<!-- file: NAME -->`` names the file that a block shows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
READMES = (ROOT / "README.md", ROOT / "README.zh.md")
PAGES = (*READMES, *sorted((ROOT / "docs").glob("*.md")))
SHELLS = ("bash", "console", "sh", "shell")
NOT_RUN = "not run, since "

BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<kind>test|file): (?P<mark>[^\n]*?) -->\n *)?"
    r"```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """A code block: ``mark`` is what its test comment says, ``file`` the file that it shows."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    file: str

    @property
    def runs(self) -> bool:
        """Whether it is a command that some test runs."""
        return self.language in SHELLS and not self.mark.startswith(NOT_RUN)

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    text = page.read_text("utf-8")
    found = []
    for match in BLOCK.finditer(text):
        marks = {match["kind"]: match["mark"]}
        line = text.count("\n", 0, match.start()) + 1
        body = textwrap.dedent(match["text"])
        mark, file = marks.get("test", ""), marks.get("file", "")
        found.append(Block(page, line, match["language"], body, mark, file))
    return found


def commands(page: Path) -> list[Block]:
    """Return the blocks of a page that are commands, run or not."""
    return [block for block in blocks(page) if block.language in SHELLS]


def copy_tree(target: Path) -> Path:
    """Copy what a clone of this tree would hold to ``target``."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    for name in listed.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def environment(*first: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a reader: ``first`` leads PATH, this test's own Python is away."""
    own = Path(sys.executable).parent
    path = [p for p in os.environ["PATH"].split(os.pathsep) if Path(p) != own]
    away = ("VIRTUAL_ENV", "UV", "UV_RUN_RECURSION_DEPTH", "FT_RUNS", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if name not in away}
    return {**kept, "PATH": os.pathsep.join([*map(str, first), *path]), **changes}


def run(block: Block, folder: Path, env: dict[str, str]) -> str:
    """Run a block in ``folder`` as a reader would; return its output, fail unless it exits 0."""
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", block.text],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=2700,
    )
    assert done.returncode == 0, f"{block} exits {done.returncode}:\n{done.stdout[-6000:]}"
    return done.stdout
