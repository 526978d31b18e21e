"""Which writing systems the rows use: a quick stand-in for the language."""

from __future__ import annotations

import re

_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Japanese", re.compile("[\u3040-\u30ff]")),
    ("Korean", re.compile("[\uac00-\ud7af]")),
    ("Chinese", re.compile("[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("Cyrillic", re.compile("[\u0400-\u04ff]")),
    ("Arabic", re.compile("[\u0600-\u06ff]")),
    ("Latin", re.compile("[A-Za-z\u00c0-\u024f]")),
)


def main_script(text: str) -> str:
    """Return the writing system of ``text``: the first of the list with enough letters.

    Chinese text often holds Latin words, and Japanese always Chinese characters, so a tenth of
    the letters is enough for all but Latin.
    """
    letters = sum(map(str.isalpha, text))
    for name, pattern in _SCRIPTS:
        if name == "Latin" or pattern.search(text):
            count = len(pattern.findall(text))
            if count and (name == "Latin" or count * 10 >= letters):
                return name
    return "other" if letters else "none"
