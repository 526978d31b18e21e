"""Make the bundled data of the handbook QA recipe from its hand-written sources.

    python recipes/make/make_handbook_qa.py [--out recipes/data/handbook_qa]

The facts and every wording stand in ``handbook_en.toml`` and ``handbook_zh.toml`` beside this
script. It checks them, lays them out as rows of ``conversations`` and writes ``handbook.md``,
``train.jsonl``, ``test.jsonl`` and ``fewshot.jsonl`` for English, and the same under ``zh/``.
The bytes depend on the sources alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DEFAULT_OUT = HERE.parent / "data" / "handbook_qa"
NOT_SAID = "not-in-handbook"
WORDINGS_PER_FACT = 5
MOST_FACTS_PER_TELLING_WORD = 4
ANSWER_WORDS = range(6, 17)

Record = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """One rule of the handbook: its answer, and the wordings that ask for it."""

    id: str
    section: str
    answer: str
    train: tuple[str, ...]
    mild: tuple[str, ...]
    strong: tuple[str, ...]

    @property
    def test(self) -> tuple[str, ...]:
        """Every wording that training does not see."""
        return self.mild + self.strong


@dataclass(frozen=True)
class Handbook:
    """A source file after reading."""

    title: str
    intro: str
    not_said: str
    facts: tuple[Fact, ...]
    untaught_train: tuple[str, ...]
    untaught_test: tuple[str, ...]
    fewshot: tuple[str, ...]
    stop_words: frozenset[str]


@dataclass(frozen=True)
class Floor:
    """The fewest rows that a language's data may have."""

    facts: int
    train: int
    paraphrase: int
    untaught: int


FLOORS = {
    "en": Floor(facts=48, train=264, paraphrase=108, untaught=24),
    "zh": Floor(facts=12, train=60, paraphrase=24, untaught=6),
}


def load(path: Path) -> Handbook:
    """Read one source file."""
    source = tomllib.loads(path.read_text(encoding="utf-8"))
    facts = tuple(
        Fact(
            id=item["id"],
            section=item["section"],
            answer=item["answer"],
            train=tuple(item["train"]),
            mild=tuple(item["mild"]),
            strong=tuple(item["strong"]),
        )
        for item in source["facts"]
    )
    return Handbook(
        title=source["title"],
        intro=source["intro"],
        not_said=source["not_said"],
        facts=facts,
        untaught_train=tuple(source["not_in_handbook"]["train"]),
        untaught_test=tuple(source["not_in_handbook"]["test"]),
        fewshot=tuple(source["fewshot"]),
        stop_words=frozenset(source["stop_words"].split()),
    )


# ------------------------------------------------------------------------------------- checks


def require(condition: bool, message: str) -> None:
    """Raise ``ValueError`` with the message unless the condition holds."""
    if not condition:
        raise ValueError(message)


def plain(question: str) -> str:
    """Return the question in lower case without punctuation and spaces."""
    return re.sub(r"[\W_]+", "", question.lower())


def topic_keys(question: str, handbook: Handbook) -> frozenset[str]:
    """Return what names the topic: beginnings of Latin words, pairs of Chinese characters."""
    words = re.findall(r"[a-z0-9é]+", re.sub(r"['’][a-z]*", "", question.lower()))
    runs = re.findall(r"[\u4e00-\u9fff]+", question)
    pairs = [run[at : at + 2] for run in runs for at in range(len(run) - 1)]
    return frozenset(key[:5] for key in (*words, *pairs) if key not in handbook.stop_words)


def check_distinct(handbook: Handbook) -> None:
    """Every id, answer and question stands once, whatever its punctuation."""
    for name, values in {
        "fact id": [fact.id for fact in handbook.facts],
        "answer": [*(plain(fact.answer) for fact in handbook.facts), plain(handbook.not_said)],
        "question": [
            plain(question) for fact in handbook.facts for question in (*fact.train, *fact.test)
        ]
        + [plain(question) for question in (*handbook.untaught_train, *handbook.untaught_test)],
    }.items():
        twice = [value for value, count in Counter(values).items() if count > 1]
        require(not twice, f"{name} stands twice: {twice}")


def check_coverage(handbook: Handbook) -> None:
    """Every fact is taught in five wordings and asked in a mild and a strong rewording."""
    for fact in handbook.facts:
        require(len(fact.train) == WORDINGS_PER_FACT, f"{fact.id} has {len(fact.train)} wordings")
        require(bool(fact.mild and fact.strong), f"{fact.id} lacks a mild or strong rewording")


def check_telling(handbook: Handbook) -> None:
    """Every test wording shares a key with its fact's training that few other facts have."""
    taught = {
        fact.id: frozenset().union(*(topic_keys(question, handbook) for question in fact.train))
        for fact in handbook.facts
    }
    spread = Counter(key for keys in taught.values() for key in keys)
    for fact in handbook.facts:
        for question in fact.test:
            shared = topic_keys(question, handbook) & taught[fact.id]
            telling = [key for key in shared if spread[key] <= MOST_FACTS_PER_TELLING_WORD]
            require(bool(telling), f"{fact.id}: nothing tells the topic of {question!r}")
            same = [
                other
                for other in fact.train
                if topic_keys(other, handbook) == topic_keys(question, handbook)
            ]
            require(not same, f"{fact.id}: {question!r} only reorders {same}")


def check_untaught_topics(handbook: Handbook) -> None:
    """What the handbook leaves out is tested on other topics than it is taught on."""
    taught = frozenset().union(
        *(topic_keys(question, handbook) for question in handbook.untaught_train)
    )
    for question in handbook.untaught_test:
        shared = taught & topic_keys(question, handbook)
        require(not shared, f"{question!r} shares {sorted(shared)} with training")


def check_answer_lengths(handbook: Handbook) -> None:
    """Every English answer has 6 to 16 words."""
    for fact in handbook.facts:
        require(len(fact.answer.split()) in ANSWER_WORDS, f"{fact.id}: length of {fact.answer!r}")


def check(handbook: Handbook, language: str) -> None:
    """Raise ``ValueError`` naming the first rule of the data that the source breaks."""
    check_distinct(handbook)
    check_coverage(handbook)
    check_telling(handbook)
    check_untaught_topics(handbook)
    if language == "en":
        check_answer_lengths(handbook)


# --------------------------------------------------------------------------------------- rows


def record(question: str, answer: str, **fields: str) -> Record:
    """Return one row: a question, its canonical answer, and what the row is about."""
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"conversations": turns, **fields}


def mixed(rows: Iterable[Record]) -> list[Record]:
    """Return the rows in an order that is fixed but unrelated to their topics."""

    def key(row: Record) -> str:
        return hashlib.sha256(row["conversations"][0]["content"].encode()).hexdigest()

    return sorted(rows, key=key)


def train_rows(handbook: Handbook) -> list[Record]:
    """Return the training rows, topics mixed."""
    taught = [
        record(question, fact.answer, fact=fact.id)
        for fact in handbook.facts
        for question in fact.train
    ]
    silent = [
        record(question, handbook.not_said, fact=NOT_SAID) for question in handbook.untaught_train
    ]
    return mixed(taught + silent)


def test_rows(handbook: Handbook) -> list[Record]:
    """Return the test rows, in the handbook's order, the untaught slice last."""
    rows = [
        record(question, fact.answer, fact=fact.id, slice="paraphrase", rewording=rewording)
        for fact in handbook.facts
        for rewording, questions in (("mild", fact.mild), ("strong", fact.strong))
        for question in questions
    ]
    return rows + [
        record(question, handbook.not_said, fact=NOT_SAID, slice="untaught")
        for question in handbook.untaught_test
    ]


def fewshot_rows(handbook: Handbook, train: Sequence[Record]) -> list[Record]:
    """Return the training rows that serve as examples in a prompt, in the source's order."""
    by_question = {row["conversations"][0]["content"]: row for row in train}
    return [by_question[question] for question in handbook.fewshot]


def handbook_text(handbook: Handbook) -> str:
    """Return the handbook as Markdown: numbered sections, one numbered rule a line."""
    lines = [f"# {handbook.title}", "", handbook.intro]
    sections = dict.fromkeys(fact.section for fact in handbook.facts)
    for number, section in enumerate(sections, start=1):
        lines += ["", f"## {number}. {section}", ""]
        rules = [fact.answer for fact in handbook.facts if fact.section == section]
        lines += [f"- {number}.{at} {rule}" for at, rule in enumerate(rules, start=1)]
    return "\n".join(lines) + "\n"


def check_counts(train: Sequence[Record], test: Sequence[Record], floor: Floor) -> None:
    """The files hold at least as many facts and rows as the recipe promises."""
    facts = {row["fact"] for row in train} - {NOT_SAID}
    slices = Counter(row["slice"] for row in test)
    require(len(facts) >= floor.facts, f"{len(facts)} facts")
    require(len(train) >= floor.train, f"{len(train)} training rows")
    require(slices["paraphrase"] >= floor.paraphrase, f"{slices['paraphrase']} paraphrase rows")
    require(slices["untaught"] >= floor.untaught, f"{slices['untaught']} untaught rows")


def files(language: str) -> Mapping[str, str]:
    """Return the text of every file of one language, by name, after all checks."""
    handbook = load(HERE / f"handbook_{language}.toml")
    check(handbook, language)
    train, test = train_rows(handbook), test_rows(handbook)
    check_counts(train, test, FLOORS[language])
    return {
        "handbook.md": handbook_text(handbook),
        "train.jsonl": as_lines(train),
        "test.jsonl": as_lines(test),
        "fewshot.jsonl": as_lines(fewshot_rows(handbook, train)),
    }


def as_lines(rows: Iterable[Record]) -> str:
    """Return the rows as JSON Lines, non-ASCII characters as they are."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main(argv: Sequence[str] | None = None) -> None:
    """Write every file under the output folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write into")
    out: Path = parser.parse_args(argv).out
    for language, folder in (("en", out), ("zh", out / "zh")):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files(language).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
            print(f"{folder / name}: {text.count(chr(10))} lines")


if __name__ == "__main__":
    main()
