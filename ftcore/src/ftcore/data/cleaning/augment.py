"""Steps that add rows to the training part: noise, synonyms, paraphrases."""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ftcore.data.cleaning.base import (
    Chance,
    Removed,
    Step,
    StepContext,
    with_contents,
)
from ftcore.data.formats.base import Quoted
from ftcore.data.rows import Row
from ftcore.errors import DataError, Problem
from ftcore.rendering.messages import Message, Role

NoiseKind = Literal["swap", "drop", "double"]
Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class VariantOptions:
    """Which rows get variants, and how many."""

    share: Annotated[Share, Field(description="Share of the rows that get variants.")] = 1.0
    copies: Annotated[int, Field(ge=1, description="Variants of each of these rows.")] = 1
    roles: Annotated[
        tuple[Role, ...], Field(min_length=1, description="Roles whose messages vary.")
    ] = ("user",)


class VariantStep(Step):
    """A step that puts changed copies behind a row; a copy that came out the same is left out.

    What an answer quotes from its prompt stays as it is.
    """

    augments = True

    @abstractmethod
    def variant(self, text: str, chance: Chance) -> str:
        """Return a variant of one content."""

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row and its variants."""
        chance = self.context.chance(row.row_id)
        if chance.draw() >= self.options.share:
            return (row,)
        rows = [row]
        for _ in range(self.options.copies):
            copy = self._copy(row, chance)
            if all(copy.messages != other.messages for other in rows):
                rows.append(copy)
        return rows

    def _copy(self, row: Row, chance: Chance) -> Row:
        roles, quoting = self.options.roles, self.context.quoting
        if quoting is None:
            return with_contents(
                row, lambda m: self.variant(m.content, chance) if m.role in roles else None
            )
        if "user" not in roles:
            return row
        old = quoting.of(row)
        text = _outside(old, lambda piece: self.variant(piece, chance))
        made = quoting.rewrite(row, replace(old, text=text))
        return row if isinstance(made, Removed) else made


@dataclass(frozen=True, kw_only=True)
class NoiseOptions(VariantOptions):
    """How noisy the variants are."""

    rate: Annotated[Share, Field(description="Share of the letters that are disturbed.")] = 0.03
    kinds: Annotated[
        tuple[NoiseKind, ...],
        Field(
            min_length=1,
            description="What happens to a letter: swapped with the next, dropped, or doubled.",
        ),
    ] = ("swap", "drop", "double")


class Noise(VariantStep):
    """Adds copies with typing errors: letters swapped, dropped or doubled.

    Digits, punctuation and white space stay as they are, and so do the entities of NER rows.
    """

    name = "noise"
    describe = "copies with typing errors"
    Options: ClassVar[type[NoiseOptions]] = NoiseOptions

    def variant(self, text: str, chance: Chance) -> str:
        """Return the text with some letters disturbed."""
        letters = list(text)
        place = 0
        while place < len(letters):
            if letters[place].isalpha() and chance.draw() < self.options.rate:
                kind = chance.pick(self.options.kinds)
                following = letters[place + 1] if place + 1 < len(letters) else ""
                if kind == "double":
                    letters[place] *= 2
                elif kind == "drop":
                    letters[place] = ""
                elif following.isalpha():
                    letters[place], letters[place + 1] = following, letters[place]
                    place += 1
            place += 1
        return "".join(letters)


@dataclass(frozen=True, kw_only=True)
class SynonymOptions(VariantOptions):
    """Which words replace each other."""

    file: Annotated[
        str, Field(description="File of synonyms: one group a line, words with commas between.")
    ]
    rate: Annotated[Share, Field(description="Share of the known words that are replaced.")] = 0.5


class Synonyms(VariantStep):
    """Adds copies in which words are replaced by others of their group.

    A line of the file is a group: ``timetable, schedule``; a line that begins with ``#`` is a
    comment. Words of Latin script match whole words only, in any case; a capital stays a capital.
    The entities of NER rows stay as they are.
    """

    name = "synonyms"
    describe = "copies with other words of the same meaning"
    Options: ClassVar[type[SynonymOptions]] = SynonymOptions

    def __init__(self, options: SynonymOptions, context: StepContext) -> None:
        super().__init__(options, context)
        self._groups = _synonym_groups(context.base / options.file, options.file)
        words = sorted(map(re.escape, self._groups), key=len, reverse=True)
        edged = [_edged(word) for word in words]
        self._pattern = re.compile("|".join(edged), re.IGNORECASE)

    def variant(self, text: str, chance: Chance) -> str:
        """Return the text with some words replaced."""

        def other(found: re.Match[str]) -> str:
            word = found[0]
            if chance.draw() >= self.options.rate:
                return word
            others = [item for item in self._groups[word.lower()] if item.lower() != word.lower()]
            chosen = chance.pick(others)
            return chosen[:1].upper() + chosen[1:] if word[:1].isupper() else chosen

        return self._pattern.sub(other, text)


@dataclass(frozen=True, kw_only=True)
class ParaphraseOptions:
    """Where the paraphrases are."""

    file: Annotated[
        str, Field(description='JSONL of `{"text": "...", "paraphrases": ["...", ...]}`.')
    ]
    most: Annotated[
        int | None, Field(ge=1, description="Paraphrases taken of one text; unset takes all.")
    ] = None


class Paraphrases(Step):
    """Adds, for each row whose last user turn is a text of the file, a row for each paraphrase.

    Of an NER row the text is meant; a paraphrase that lacks one of its entities is not added.
    """

    name = "paraphrases"
    describe = "rows that ask the same in other words, from a file"
    augments = True
    Options: ClassVar[type[ParaphraseOptions]] = ParaphraseOptions

    def __init__(self, options: ParaphraseOptions, context: StepContext) -> None:
        super().__init__(options, context)
        self._paraphrases = _paraphrases(context.base / options.file, options.file)
        self._unused = set(self._paraphrases)
        self._without_quote = 0

    def row(self, row: Row) -> Sequence[Row] | Removed:
        """Return the row and its paraphrases."""
        quoting = self.context.quoting
        asked = [message for message in row.prompt if message.role == "user"]
        if not asked:
            return (row,)
        text = (asked[-1].content if quoting is None else quoting.of(row).text).strip()
        self._unused.discard(text)
        rows = [row]
        for other in self._paraphrases.get(text, ())[: self.options.most]:
            if quoting is None:
                rows.append(_with_content(row, asked[-1], other))
                continue
            made = quoting.rewrite(row, replace(quoting.of(row), text=other))
            if isinstance(made, Removed):
                self._without_quote += 1
            else:
                rows.append(made)
        return rows

    def note(self) -> str | None:
        """Say how many texts of the file no row asks, and which paraphrases could not be used."""
        counts = {
            f"texts of {self.options.file} occur in no row": len(self._unused),
            "paraphrases lack an entity": self._without_quote,
        }
        return "; ".join(f"{count} {what}" for what, count in counts.items() if count) or None


def _outside(quoted: Quoted, change: Callable[[str], str]) -> str:
    """Return the text changed wherever nothing is quoted."""
    words = sorted(set(filter(None, quoted.quotes)), key=len, reverse=True)
    if not words:
        return change(quoted.text)
    pieces = re.split(f"({'|'.join(map(re.escape, words))})", quoted.text)
    return "".join(piece if place % 2 else change(piece) for place, piece in enumerate(pieces))


def _with_content(row: Row, message: Message, content: str) -> Row:
    return with_contents(row, lambda candidate: content if candidate is message else None)


def _edged(word: str) -> str:
    """Return a pattern for an escaped word; at a letter of Latin script it ends at a word's end."""
    begin = r"\b" if word[0].isascii() and word[0].isalnum() else ""
    end = r"\b" if word[-1].isascii() and word[-1].isalnum() else ""
    return f"{begin}{word}{end}"


def _synonym_groups(path: Path, name: str) -> dict[str, list[str]]:
    """Return each word, in lower case, with the words of its group."""
    groups: dict[str, list[str]] = {}
    for number, line in enumerate(_lines(path, name), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = [word.strip() for word in re.split("[,，、\t]", line) if word.strip()]
        if len({word.lower() for word in words}) < 2:
            raise _broken(name, number, "a group needs two words", "write word, other word")
        for word in words:
            if word.lower() in groups:
                what = f"{word!r} is in a group already"
                raise _broken(name, number, what, "put all its synonyms into one group")
        groups.update({word.lower(): words for word in words})
    if not groups:
        raise _broken(name, 1, "the file holds no group", "write word, other word")
    return groups


def _paraphrases(path: Path, name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    shape = 'write {"text": "...", "paraphrases": ["...", "..."]}'
    for number, line in enumerate(_lines(path, name), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            text, others = item["text"], item["paraphrases"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise _broken(name, number, f"no paraphrases can be read: {error}", shape) from error
        if not isinstance(text, str) or not isinstance(others, list):
            raise _broken(name, number, "text or paraphrases has another type", shape)
        if not all(isinstance(other, str) and other.strip() for other in others):
            raise _broken(name, number, "a paraphrase is blank or no text", shape)
        found.setdefault(text.strip(), []).extend(others)
    if not found:
        raise _broken(name, 1, "the file holds no paraphrase", shape)
    return found


def _lines(path: Path, name: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{name} cannot be read: {error}",
            hint="give a UTF-8 file; a relative path starts from the recipe's folder",
            code="data.clean.file",
        ) from error


def _broken(name: str, line: int, what: str, fix: str) -> DataError:
    problem = Problem(what, file=name, line=line, fix=fix, code="data.clean.file")
    return DataError(f"{name} cannot be used", code="data.clean.file", problems=[problem])
