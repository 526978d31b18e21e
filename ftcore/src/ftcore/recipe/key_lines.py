"""The line of every key of a TOML text.

`tomllib` gives values without places, so this scanner walks a text that `tomllib` has accepted
and notes where each key, table header and list element stands. It never judges the text.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from typing import Any

from ftcore.recipe.fields import KeyPath

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
SCALAR = re.compile(r"[^,\]}#\n]*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every key of a valid TOML ``text``.

    Paths hold list positions as integers: ``("data", "train", 1, "path")``. A table that is only
    implied has the line where it is first implied.
    """
    return _Scanner(text).scan()


def split_key(key: str) -> tuple[str, ...] | None:
    """Return the parts of a dotted TOML key, or None when it is not one."""
    if "=" in key or "\n" in key:
        return None
    try:
        value: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return None
    parts: list[str] = []
    while isinstance(value, dict):
        ((part, value),) = value.items()
        parts.append(part)
    return tuple(parts)


def dotted(path: KeyPath) -> str:
    """Return a path as it would be written: ``data.train[1].path``, odd keys quoted."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        if not BARE_KEY.fullmatch(part):
            part = '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'
        text += f".{part}" if text else part
    return text


def field_path(field: str) -> KeyPath:
    """Return the path that `dotted` wrote as ``field``, for fields of the schema."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", field)
    return tuple(int(index) if index else name for index, name in parts)


class _Scanner:
    """One pass over a text; ``place`` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.place = 0
        self.lines: dict[KeyPath, int] = {}
        self.starts = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self.blank()
        while self.place < len(self.text):
            if self.text[self.place] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.blank()
        return self.lines

    def header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]`` and return the table that it opens."""
        start = self.place
        double = self.text.startswith("[[", self.place)
        self.place += 2 if double else 1
        parts = self.key()
        path = self.current((), parts[:-1], start)
        path = (*path, parts[-1])
        if double:
            self.lines.setdefault(path, self.line(start))
            position = self.lengths.get(path, 0)
            self.lengths[path] = position + 1
            path = (*path, position)
        elif path in self.lengths:
            path = (*path, self.lengths[path] - 1)
        # A header names its table better than an earlier key that only implied it.
        self.lines[path] = self.line(start)
        self.blank()
        self.place += 2 if double else 1
        return path

    def current(self, table: KeyPath, parts: list[str], start: int) -> KeyPath:
        """Follow ``parts`` from ``table``; below a list of tables its last table is meant."""
        path = table
        for part in parts:
            path = (*path, part)
            self.lines.setdefault(path, self.line(start))
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        return path

    def pair(self, table: KeyPath) -> None:
        """Read ``key = value`` inside ``table``."""
        start = self.place
        parts = self.key()
        path = (*self.current(table, parts[:-1], start), parts[-1])
        self.lines[path] = self.line(start)
        self.blank()
        self.place += 1  # the equals sign
        self.value(path)

    def key(self) -> list[str]:
        """Read a dotted key and return its parts."""
        parts = []
        while True:
            self.blank()
            match = BARE_KEY.match(self.text, self.place) or STRING.match(self.text, self.place)
            if match is None:  # cannot happen in a text that tomllib accepts
                raise ValueError(f"no key at line {self.line(self.place)}")
            self.place = match.end()
            word = match.group()
            parts.append(tomllib.loads(f"k = {word}")["k"] if word[0] in "\"'" else word)
            self.blank()
            if not self.text.startswith(".", self.place):
                return parts
            self.place += 1

    def value(self, path: KeyPath) -> None:
        """Skip one value, noting the places of what lies inside it."""
        self.blank()
        opening = self.text[self.place : self.place + 1]
        if opening == "[":
            self.items(path, "]")
        elif opening == "{":
            self.items(path, "}")
        else:
            match = STRING.match(self.text, self.place) or SCALAR.match(self.text, self.place)
            self.place = match.end() if match else len(self.text)

    def items(self, path: KeyPath, closing: str) -> None:
        """Read a list or an inline table up to ``closing``."""
        self.place += 1
        position = 0
        while True:
            self.blank()
            if self.place >= len(self.text) or self.text[self.place] == closing:
                self.place += 1
                return
            if self.text[self.place] == ",":
                self.place += 1
            elif closing == "}":
                self.pair(path)
            else:
                self.lines[(*path, position)] = self.line(self.place)
                self.value((*path, position))
                position += 1

    def blank(self) -> None:
        match = BLANK.match(self.text, self.place)
        self.place = match.end() if match else self.place

    def line(self, place: int) -> int:
        return bisect_right(self.starts, place)
