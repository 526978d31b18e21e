"""Make the data of the persona recipe: Pip of the Lantern bookshop, and 小满 of a tea house.

Rows are Alpaca rows to be read as role-play: ``instruction`` is the system prompt, ``input`` the
user's words, ``output`` the answer, ``history`` the earlier [user, assistant] turns, if any. They
also have ``item``, ``kind`` (fact, refusal, chat or multi_turn), ``must`` (strings that a right
answer contains) and ``must_not`` (strings that the persona never says). ``persona.json`` holds the
name, the opening and the closing phrase (stripped before a similarity is measured) and the one
answer of every item.

Everything is written in ``persona_pip.toml`` and ``persona_xiaoman.toml`` beside this script. The
order comes from SHA-256, so the same files give the same bytes on every Python.
Run: ``python recipes/make/make_persona.py [--out FOLDER]``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PERSONAS = {"persona_pip.toml": "", "persona_xiaoman.toml": "zh/"}
KINDS = ("fact", "refusal", "chat", "multi_turn")
Json = dict[str, Any]


def digest(*parts: object) -> str:
    """Return a hash to order things by: mixed, yet the same everywhere."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


class Persona:
    """A persona as its file describes it, and the rows that come of it."""

    def __init__(self, file: str) -> None:
        self._table = tomllib.loads((HERE / file).read_text(encoding="utf-8"))
        self._gap = " " if self._table["opening"].isascii() else ""
        refusals = [item | {"kind": "refusal"} for item in self._table["refusals"]]
        self.items = [{"kind": "fact"} | item for item in self._table["items"]] + refusals
        self._by_id = {item["id"]: item for item in self.items}
        assert len(self._by_id) == len(self.items), "an item's id occurs twice"

    def say(self, item: Json) -> str:
        """Return an item's answer between the fixed opening and closing."""
        return self._gap.join([self._table["opening"], item["answer"], self._table["closing"]])

    def _row(self, item: Json, kind: str, words: str, history: list[list[str]]) -> Json:
        output = self.say(item)
        assert all(fact in output for fact in item["must"]), item["id"]
        must_not = self._table["never"] + item.get("never", [])
        assert not any(strange in output for strange in must_not), item["id"]
        row = {"instruction": self._table["instruction"], "input": words, "output": output}
        return (
            row
            | ({"history": history} if history else {})
            | {"item": item["id"], "kind": kind}
            | {"must": item["must"], "must_not": must_not}
        )

    def rows(self, split: str) -> list[Json]:
        """Return the rows of ``train`` or ``test``, single turns and later turns mixed."""
        found = [
            self._row(item, item["kind"], words, []) for item in self.items for words in item[split]
        ]
        for follow in self._table["follow_ups"]:
            first, item = self._by_id[follow["after"]], self._by_id[follow["item"]]
            for number, words in enumerate(follow[split]):
                turn = [first[split][number % len(first[split])], self.say(first)]
                found.append(self._row(item, "multi_turn", words, [turn]))
        return sorted(found, key=lambda row: digest(split, row["input"], row["item"]))

    def summary(self) -> Json:
        """Return what ``persona.json`` says: the fixed strings and every item's answer."""
        keys = ("name", "shop", "instruction", "opening", "closing")
        facts = {item["id"]: item["answer"] for item in self.items}
        return {key: self._table[key] for key in keys} | {
            "must_not": self._table["never"],
            "facts": facts,
        }


def plain(words: str) -> str:
    """Return a question without case, punctuation and spaces, to compare it with others."""
    return re.sub(r"[\W_]+", "", words.lower())


def check(train: list[Json], test: list[Json]) -> None:
    """Assert that no question repeats, none of the test is trained, and every item is taught."""
    taught = [plain(row["input"]) for row in train]
    asked = [plain(row["input"]) for row in test]
    twice = [words for words, count in Counter(taught + asked).items() if count > 1]
    assert not twice, f"a question occurs twice: {twice}"
    assert {row["item"] for row in test} == {row["item"] for row in train}
    assert {row["kind"] for row in test} == {row["kind"] for row in train} == set(KINDS)
    answers = {(row["item"], row["output"]) for row in train + test}
    assert len(answers) == len({item for item, _ in answers}), "an item has two answers"
    openings = [turn[0] for row in test for turn in row.get("history", [])]
    assert not {plain(words) for words in openings} & set(taught), "a history has trained words"


def fewshot(train: list[Json]) -> list[Json]:
    """Return three training rows: a fact, a refusal and a chat."""
    return [
        next(row for row in train if row["kind"] == kind) for kind in ("fact", "refusal", "chat")
    ]


def write_rows(target: Path, rows: list[Json]) -> None:
    """Write rows as JSON Lines and print how many of each kind there are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    target.write_text(body, encoding="utf-8", newline="\n")
    kinds = dict(sorted(Counter(row["kind"] for row in rows).items()))
    print(f"{target.name}: {len(rows)} rows, {kinds}")


def main() -> None:
    """Write the files below ``--out`` (by default the recipe's own data folder)."""
    parser = argparse.ArgumentParser(description="Make the data of the persona recipe.")
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "persona")
    out: Path = parser.parse_args().out
    for file, folder in PERSONAS.items():
        persona = Persona(file)
        train, test = persona.rows("train"), persona.rows("test")
        check(train, test)
        write_rows(out / folder / "train.jsonl", train)
        write_rows(out / folder / "test.jsonl", test)
        write_rows(out / folder / "fewshot.jsonl", fewshot(train))
        summary = json.dumps(persona.summary(), ensure_ascii=False, indent=2) + "\n"
        (out / folder / "persona.json").write_text(summary, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
