"""Steps that clean the text of messages: white space, control characters, empty lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from ftcore.data.cleaning.base import ALL_ROLES, TextStep
from ftcore.rendering.messages import Role

# Every white space of Unicode but the line feed, the tab and the plain space.
_OTHER_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_LINE_END = re.compile("\r\n?|\u2028|\u2029|\u0085")
_TRAILING = re.compile(r"[ \t]+(?=\n|\Z)")
_RUN = re.compile(r"(?<=[^ \t\n])[ \t]{2,}(?=[^ \t\n])|(?<=[^ \t\n])\t(?=[^ \t\n])")
_INDENTATION = re.compile(r"^[ \t]+", re.M)
# C0 and C1 without tab, line feed and carriage return; zero-width space, word joiner, byte order
# mark. Joiners that scripts and emoji need (U+200C, U+200D) stay.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u2060\ufeff]")


@dataclass(frozen=True, kw_only=True)
class RoleOptions:
    """Which messages a text step changes."""

    roles: Annotated[
        tuple[Role, ...], Field(min_length=1, description="Roles whose messages are changed.")
    ] = ALL_ROLES


@dataclass(frozen=True, kw_only=True)
class WhitespaceOptions(RoleOptions):
    """How white space is normalised."""

    indentation: Annotated[
        bool, Field(description="Keep the spaces at the beginning of lines, as code needs.")
    ] = True


class NormaliseWhitespace(TextStep):
    """Writes line ends as one line feed and runs of spaces as one space.

    Spaces of other widths become plain ones; those at line ends and around the text go. The
    indentation of lines stays unless ``indentation`` is false.
    """

    name = "normalise_whitespace"
    describe = "one kind of space, one kind of line end, none at the ends"
    Options: ClassVar[type[WhitespaceOptions]] = WhitespaceOptions

    def text(self, text: str) -> str:
        """Return the text with plain white space."""
        text = _OTHER_SPACE.sub(" ", _LINE_END.sub("\n", text))
        text = _RUN.sub(" ", _TRAILING.sub("", text))
        if not self.options.indentation:
            text = _INDENTATION.sub("", text)
        return text.strip("\n").rstrip() if self.options.indentation else text.strip()


class StripControlCharacters(TextStep):
    """Removes control characters other than tab and line ends, and invisible marks.

    The marks are zero-width spaces, word joiners and byte order marks.
    """

    name = "strip_control_characters"
    describe = "no control characters, no invisible marks"
    Options: ClassVar[type[RoleOptions]] = RoleOptions

    def text(self, text: str) -> str:
        """Return the text without them."""
        return text if text.isprintable() else _CONTROL.sub("", text)


@dataclass(frozen=True, kw_only=True)
class EmptyLineOptions(RoleOptions):
    """How many empty lines may stay."""

    keep: Annotated[
        int, Field(ge=0, description="Empty lines in a row that stay; 1 keeps paragraphs apart.")
    ] = 0


class DropEmptyLines(TextStep):
    """Removes lines that hold nothing but white space, beyond ``keep`` in a row."""

    name = "drop_empty_lines"
    describe = "no empty lines in a text"
    Options: ClassVar[type[EmptyLineOptions]] = EmptyLineOptions

    def text(self, text: str) -> str:
        """Return the text without its empty lines."""
        lines: list[str] = []
        empty = 0
        for line in text.split("\n"):
            empty = 0 if line.strip() else empty + 1
            if empty <= self.options.keep:
                lines.append(line)
        return "\n".join(lines)
