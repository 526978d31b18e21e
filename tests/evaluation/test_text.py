from __future__ import annotations

import subprocess
import sys

import pytest

from ftcore.evaluation.text import (
    chinese_tokens,
    has_chinese,
    normalised_words,
    plain_words,
    rouge_tokens,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", False), ("café", False), ("价格 is 5", True), ("\u4e00", True), ("。，", False)],
)
def test_has_chinese(text: str, expected: bool) -> None:
    assert has_chinese(text) is expected


def test_normalised_words_follow_squad() -> None:
    assert normalised_words("The  Cat's, an owl; a theme.") == ("cats", "owl", "theme")
    assert normalised_words("a, the an!") == ()
    assert normalised_words("3.5 km") == ("35", "km")


def test_normalised_words_of_chinese_are_jieba_tokens_without_punctuation() -> None:
    words = normalised_words("奖学金，每年 9 月申请。")
    assert "".join(words) == "奖学金每年9月申请"
    assert "奖学金" in words
    assert len(words) < len("奖学金每年9月申请")


def test_plain_words_keep_punctuation_and_lower_case() -> None:
    assert plain_words("The cat, THE") == ("the", "cat,", "the")
    assert "".join(plain_words("今天 OK")) == "今天ok"


def test_rouge_tokens_leave_other_scripts_alone() -> None:
    assert rouge_tokens("Ein  Satz") == "Ein  Satz"
    assert rouge_tokens("今天天气") == " ".join(chinese_tokens("今天天气"))


def test_jieba_loads_in_silence_even_when_it_must_be_compiled() -> None:
    code = "from ftcore.evaluation.text import chinese_tokens as t; print(len(t('今天天气很好')))"
    done = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-X", "pycache_prefix=/nonexistent", "-c", code],
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert int(done.stdout) < 6
