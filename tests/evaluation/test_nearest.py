from __future__ import annotations

import hashlib
import random

import pytest

from ftcore.evaluation import nearest as module
from ftcore.evaluation.nearest import nearest

TEXTS = [
    "How many days of leave do I get?",
    "Where is the library?",
    "When does the library open?",
    "图书馆几点开门？",
    "食堂在哪里？",
]


def places(found) -> list[int]:
    return [neighbour.place for neighbour in found]


def test_the_same_text_is_nearest_and_has_similarity_1():
    for place, found in enumerate(nearest(TEXTS, TEXTS, 2)):
        assert (found[0].place, found[0].similarity) == (place, 1.0)


def test_likeness_in_both_languages():
    found = nearest(["When does the LIBRARY  close?", "图书馆几点关门？"], TEXTS, 2)
    assert places(found[0]) == [2, 1]
    assert found[1][0].place == 3
    assert 0 < found[1][0].similarity < 1


def test_nothing_shared_is_left_out():
    assert nearest(["xyzzy", "", "?"], ["plugh", ""], 3) == [[], [], []]
    assert nearest(["a"], [], 3) == [[]]
    assert nearest([], TEXTS, 3) == []


def test_equals_come_in_their_order():
    assert places(nearest(["tea"], ["milk", "tea", "tea", "tea"], 2)[0]) == [1, 2]


def test_what_all_rows_share_does_not_count():
    words = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(60)]
    found = nearest([f"Answer from the handbook, and briefly: {word}" for word in words], words, 2)
    alone = nearest(words, words, 2)
    assert [places(row)[0] for row in found] == list(range(60))
    asked = [f"Answer from the handbook, and briefly: {word}" for word in words]
    shared = nearest(asked, asked, 2)
    for with_words, without in zip(shared, alone, strict=True):
        assert with_words[1].similarity == pytest.approx(without[1].similarity, abs=0.02)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, block: int):
    chance = random.Random(1)
    words = ["the", "a", "library", "open", "close", "day", "leave", "图书馆", "开门", "天"]
    texts = [" ".join(chance.choices(words, k=chance.randint(0, 6))) for _ in range(20)]
    whole = nearest(texts, texts[:11], 4)
    monkeypatch.setattr(module, "BLOCK", block)
    assert nearest(texts, texts[:11], 4) == whole


def test_odd_texts():
    nearest(["\ud800", "\0", "é" * 5000, "a"], ["\ud800x", "a" * 9000], 2)
