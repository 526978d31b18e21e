"""Languages by py3langid, and what happens without the library."""

from __future__ import annotations

import sys

import pytest

from ftcore.data.languages import LanguageGuess
from ftcore.errors import DataError


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("When does the library open on Sundays?", "en"),
        ("图书馆星期天几点开门？", "zh"),
        ("Wann öffnet die Bibliothek am Sonntag?", "de"),
        ("図書館は何時に開きますか", "ja"),
        ("Hi", "unsure"),
        ("", "unsure"),
    ],
)
def test_languages(text: str, code: str) -> None:
    pytest.importorskip("py3langid")
    assert LanguageGuess().of(text) == code


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    with pytest.raises(DataError, match="py3langid") as caught:
        LanguageGuess()
    assert caught.value.hint == 'pip install "ftcore[languages]"'
