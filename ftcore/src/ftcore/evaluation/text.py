"""Text to tokens for the metrics: whitespace words, normalised words, and jieba for Chinese."""

from __future__ import annotations

import logging
import re
import string
import unicodedata
import warnings
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)


def versions(*packages: str) -> str:
    """Return the versions of packages whose tokens a figure depends on, as ``a:1|b:2``."""
    return "|".join(f"{package}:{version(package)}" for package in packages)


def has_chinese(text: str) -> bool:
    """Return whether the text has a character from U+4E00 to U+9FA5.

    The range is that of evalscope's ``general_qa``, so that published figures compare.
    """
    return any("\u4e00" <= char <= "\u9fa5" for char in text)


@lru_cache(maxsize=4096)
def chinese_tokens(text: str) -> tuple[str, ...]:
    """Return jieba's tokens of the text (accurate mode, HMM on), blanks included."""
    return tuple(_jieba().lcut(text))


def rouge_tokens(text: str) -> str:
    """Return the text as rouge-chinese wants it: jieba tokens joined by spaces, or as it is."""
    return " ".join(chinese_tokens(text)) if has_chinese(text) else text


@lru_cache(maxsize=8192)
def bleu_tokens(text: str) -> tuple[str, ...]:
    """Return jieba's tokens of a text with Chinese characters, else those of nltk's tokeniser.

    It is ``nltk.word_tokenize(text, preserve_line=True)``: the text is not cut into sentences
    first, since the data for that has to be downloaded. Only a full stop inside a text of several
    sentences is cut off less often so. Versions differ: from 3.10.2 on, 'blue' in SQL is three
    tokens, before it was two.
    """
    if has_chinese(text):
        return chinese_tokens(text)
    return tuple(_nltk_tokeniser().tokenize(text))


def normalised_words(text: str) -> tuple[str, ...]:
    """Return the words after SQuAD's normalisation; jieba tokens where the text has Chinese.

    Lower case, ASCII punctuation and the articles a, an, the removed, then split at whitespace
    (Rajpurkar et al. 2016, the official evaluation script). In a Chinese text every other
    punctuation character separates, since full-width marks stand where English has a space.
    """
    text = text.lower().translate(_NO_ASCII_PUNCTUATION)
    text = _ARTICLES.sub(" ", text)
    if not has_chinese(text):
        return tuple(text.split())
    spaced = "".join(" " if unicodedata.category(char)[0] == "P" else char for char in text)
    return tuple(token for token in chinese_tokens(spaced) if not token.isspace())


def plain_words(text: str) -> tuple[str, ...]:
    """Return lower-cased whitespace words, or jieba tokens where the text has Chinese."""
    text = text.lower()
    if not has_chinese(text):
        return tuple(text.split())
    return tuple(token for token in chinese_tokens(text) if not token.isspace())


def normalised_characters(text: str) -> str:
    """Return the characters of the words after SQuAD's normalisation, without whitespace."""
    return "".join("".join(normalised_words(text)).split())


@cache
def _nltk_tokeniser() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer  # type: ignore[import-untyped]

    return NLTKWordTokenizer()


@cache
def _jieba() -> Any:
    """Import jieba and load its dictionary once, in silence.

    Its sources hold escapes that Python warns about while compiling, it may import
    pkg_resources, and it logs to stderr by a handler of its own.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jieba  # type: ignore[import-untyped]

        jieba.setLogLevel(logging.ERROR)
        jieba.initialize()
    return jieba
