"""Make the data of the NER recipe: English train, test and few-shot rows, and a Chinese set.

A row has ``text`` and ``entities``; an entity has ``start_idx`` and ``end_idx`` in characters,
the end exclusive (``text[start_idx:end_idx] == entity_text``, as Python slices and the public
set have it), ``entity_text``, ``entity_label`` (GPE, PER, ORG or LOC) and ``entity_names``, the
words that a recipe's own label list may use for that label. Rows without an entity say in
``negative_kind`` whether the sentence was written by hand or filled in from a frame.

Sentences and names are this project's own, in the ``ner_*`` files beside this script; an article
before a name is never part of the entity. The order of everything comes from SHA-256, so the same
files give the same bytes on every Python. Run: ``python recipes/make/make_ner.py [--out FOLDER]``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TRAIN_ROWS, TEST_POSITIVES, NEGATIVE_SHARE = 420, 88, (0.40, 0.45)
LABEL_OF = {
    "PER": "PER", "NAME": "PER", "FIRM": "ORG", "BODY": "ORG", "TEAM": "ORG",
    "CITY": "GPE", "COUNTRY": "GPE", "STATE": "GPE", "WATER": "LOC", "PEAK": "LOC",
    "REGION": "LOC",
}  # fmt: skip
ENGLISH_NAMES = {
    "GPE": ["GPE", "geopolitical entity", "country or city"],
    "PER": ["PER", "person"],
    "ORG": ["ORG", "organisation", "company or body"],
    "LOC": ["LOC", "location", "natural place"],
}
CHINESE_NAMES = {
    "GPE": ["地理实体", "国家或城市", "行政区"],
    "PER": ["人名", "姓名", "人物"],
    "ORG": ["组织", "机构", "团体"],
    "LOC": ["地点", "地名", "自然地点"],
}
SLOT = re.compile(r"\{([A-Z]+)\}")
CHOICE = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
MARKED = re.compile(r"\[([A-Z]{3}):([^\]]+)\]")
Json = dict[str, Any]


def digest(*parts: object) -> str:
    """Return a hash to order things by: mixed, yet the same everywhere."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()


def lines(name: str) -> list[str]:
    """Return the lines of a text file beside this script, without blanks and # headings."""
    found = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [line for line in found if line.strip() and not line.startswith("#")]


class Names:
    """One split's names, dealt like packs of cards: none comes again before its pack is empty."""

    def __init__(self, split: str) -> None:
        tables = tomllib.loads((HERE / "ner_names.toml").read_text(encoding="utf-8"))
        own, suffixes = tables[split], tables["firm_kinds"]
        firms = [f"{stem} {suffixes[(7 * i) % 18]}" for i, stem in enumerate(own["firm"])]
        firms += [f"{stem} {suffixes[(5 * i + 3) % 18]}" for i, stem in enumerate(own["firm"])]
        packs = {kind: own[kind] for kind in LABEL_OF if kind in own}
        packs["PER"] = [f"{first} {last}" for first in own["first"] for last in own["last"]]
        packs["NAME"] = own["first"]
        packs["FIRM"] = [*firms, *own["firm_single"]]
        self._split = split
        self._packs: dict[str, list[str]] = packs
        self._left: dict[str, list[str]] = {kind: [] for kind in packs}
        self._deals: Counter[str] = Counter()
        self._gpe = 0

    def words(self) -> set[str]:
        """Return every word, lower case, of every name of this split."""
        names = (name for pack in self._packs.values() for name in pack)
        return {word.lower() for name in names for word in re.findall(r"[^\W\d_]{2,}", name)}

    def deal(self, kind: str, taken: set[str]) -> tuple[str, str]:
        """Return a name that shares no word with those ``taken``, and its label."""
        if kind == "GPE":
            self._gpe += 1
            kind = ("STATE", "CITY", "COUNTRY")[self._gpe % 3]
        while True:
            if not self._left[kind]:
                self._deals[kind] += 1
                key = (self._split, kind, self._deals[kind])
                self._left[kind] = sorted(self._packs[kind], key=lambda name: digest(*key, name))
            name = self._left[kind].pop()
            parts = set(name.split()) - {"the", "of"}
            if not parts & taken:
                taken |= parts
                return name, LABEL_OF[kind]


def entity(text: str, start: int, name: str, label: str, names: dict[str, list[str]]) -> Json:
    """Return the record of one entity, its end exclusive."""
    assert text[start : start + len(name)] == name
    return {
        "start_idx": start,
        "end_idx": start + len(name),
        "entity_text": name,
        "entity_label": label,
        "entity_names": names[label],
    }


def fill(template: str, names: Names) -> Json:
    """Return the row of a template whose slots are filled; an article stays outside the entity."""
    text, spans, at = "", [], 0
    taken: set[str] = set()
    for slot in SLOT.finditer(template):
        text += template[at : slot.start()]
        name, label = names.deal(slot[1], taken)
        if name.startswith("the "):
            text += "the " if text else "The "
            name = name.removeprefix("the ")
        spans.append((len(text), name, label))
        text += name
        at = slot.end()
    text += template[at:]
    return {"text": text, "entities": [entity(text, *span, ENGLISH_NAMES) for span in spans]}


def label_counts(rows: Iterable[Json]) -> Counter[str]:
    """Count the entities of rows by label."""
    return Counter(found["entity_label"] for row in rows for found in row["entities"])


def positives(templates: list[str], names: Names, count: int) -> list[Json]:
    """Use every template once, then again, to ``count`` rows, those whose labels are rarest.

    Templates with one entity come again last: copying is learned from the mentions.
    """
    order = sorted(templates, key=lambda template: digest("order", template))
    rows = [fill(template, names) for template in order]
    labels = {t: [LABEL_OF.get(kind, kind) for kind in SLOT.findall(t)] for t in order}
    again = list(order)
    while len(rows) < count:
        seen = label_counts(rows)
        full = [t for t in again if len(labels[t]) > 1] or again
        chosen = min(full, key=lambda t: sum(seen[label] for label in labels[t]) / len(labels[t]))
        again.remove(chosen)
        row = fill(chosen, names)
        while row in rows:
            row = fill(chosen, names)
        rows.append(row)
    return rows


def negative(text: str, kind: str) -> Json:
    """Return the row of a sentence without an entity."""
    return {"text": text, "entities": [], "negative_kind": kind}


def reading(frame: str, choice: int) -> str:
    """Return a frame with the first (1) or the second (2) of every pair of choices."""
    return CHOICE.sub(lambda pair: pair[choice], frame)


def marked(line: str) -> Json:
    """Return the row of a Chinese sentence whose entities are written ``[LABEL:name]``."""
    text, spans, at = "", [], 0
    for mark in MARKED.finditer(line):
        text += line[at : mark.start()]
        spans.append((len(text), mark[2], mark[1]))
        text += mark[2]
        at = mark.end()
    text += line[at:]
    if not spans:
        return negative(text, "hand")
    return {"text": text, "entities": [entity(text, *span, CHINESE_NAMES) for span in spans]}


def skeleton(template: str) -> set[str]:
    """Return the fixed words of a template, lower case."""
    return set(re.findall(r"[a-z']+", SLOT.sub(" ", template).lower()))


def check_apart(train: list[Json], test: list[Json]) -> None:
    """Assert that no text repeats and that no name of the test rows occurs in a training text."""
    texts = [row["text"] for row in train + test]
    twice = [text for text, count in Counter(texts).items() if count > 1]
    assert not twice, twice
    known = "\n".join(row["text"] for row in train)
    for row in test:
        for found in row["entities"]:
            assert found["entity_text"] not in known, found["entity_text"]


def check_sources(train: Names, test: Names) -> None:
    """Assert that the two splits share neither names nor sentences, nor nearly so."""
    generic = set(tomllib.loads((HERE / "ner_names.toml").read_text("utf-8"))["generic"])
    shared = (train.words() & test.words()) - generic
    assert not shared, f"name words in both splits: {shared}"
    seen = [*lines("ner_templates_train.txt"), *lines("ner_negatives_train.txt")]
    seen += [reading(frame, n) for frame in lines("ner_negative_frames.txt") for n in (1, 2)]
    for new in [*lines("ner_templates_test.txt"), *lines("ner_negatives_test.txt")]:
        for old in seen:
            a, b = skeleton(new), skeleton(old)
            assert len(a & b) / len(a | b) < 0.5, f"too alike: {new!r} and {old!r}"


def english() -> dict[str, list[Json]]:
    """Return the English rows by file name."""
    names, unseen = Names("train"), Names("test")
    check_sources(names, unseen)
    calm = [negative(text, "hand") for text in lines("ner_negatives_train.txt")]
    frames = lines("ner_negative_frames.txt")
    calm += [negative(reading(frame, n), "frame") for frame in frames for n in (1, 2)]
    found = positives(lines("ner_templates_train.txt"), names, TRAIN_ROWS - len(calm))
    train = sorted(calm + found, key=lambda row: digest("train", row["text"]))
    test = [negative(text, "hand") for text in lines("ner_negatives_test.txt")]
    test += positives(lines("ner_templates_test.txt"), unseen, TEST_POSITIVES)
    test.sort(key=lambda row: digest("test", row["text"]))
    check_apart(train, test)
    low, high = NEGATIVE_SHARE
    assert low <= len(calm) / len(train) <= high
    assert all(len(row["entities"]) <= 3 for row in train + test)
    for rows in (train, test):
        counts = label_counts(rows)
        assert min(counts.values()) >= 0.75 * max(counts.values()), counts
    return {"train.jsonl": train, "test.jsonl": test, "fewshot.jsonl": fewshot(train)}


def fewshot(train: list[Json]) -> list[Json]:
    """Return three short training rows: two with all four labels between them, one with none."""
    short = sorted((row for row in train if len(row["text"]) < 90), key=lambda r: len(r["text"]))

    def first(*labels: str) -> Json:
        wanted = Counter(labels)
        fits = (row for row in short if label_counts([row]) == wanted and len(row["text"]) > 45)
        return next(row for row in fits if row.get("negative_kind") != "frame")

    return [first("PER", "ORG"), first(), first("GPE", "LOC")]


def chinese() -> dict[str, list[Json]]:
    """Return the Chinese rows by file name."""
    train = [marked(line) for line in lines("ner_zh_train.txt")]
    test = [marked(line) for line in lines("ner_zh_test.txt")]
    train.sort(key=lambda row: digest("zh", row["text"]))
    check_apart(train, test)
    shots = [next(row for row in train if bool(row["entities"]) == full) for full in (True, False)]
    rest = next(row for row in train if len(row["entities"]) > 1 and row not in shots)
    return {"zh/train.jsonl": train, "zh/test.jsonl": test, "zh/fewshot.jsonl": [*shots, rest]}


def main() -> None:
    """Write the files below ``--out`` (by default the recipe's own data folder)."""
    parser = argparse.ArgumentParser(description="Make the data of the NER recipe.")
    parser.add_argument("--out", type=Path, default=HERE.parent / "data" / "ner")
    out: Path = parser.parse_args().out
    for name, rows in (english() | chinese()).items():
        target = out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        body = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        target.write_text(body, encoding="utf-8", newline="\n")
        bare = sum(not row["entities"] for row in rows)
        print(f"{name}: {len(rows)} rows, {bare} without an entity, {dict(label_counts(rows))}")


if __name__ == "__main__":
    main()
