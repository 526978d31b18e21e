"""Text that looks like a secret or like personal data; a hint for a person, never a proof."""

from __future__ import annotations

import re

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a cloud access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    (
        "an access token",
        re.compile(
            r"\b(?:gh[pousr]_\w{36,}|github_pat_\w{40,}|hf_[A-Za-z0-9]{30,}|glpat-[\w-]{20,}"
            r"|sk-[A-Za-z0-9_-]{32,}|xox[abprs]-[\w-]{20,})"
        ),
    ),
    (
        "an e-mail address",
        re.compile(r"\b[\w.+-]+@(?!example\.)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b"),
    ),
    ("a Chinese mobile number", re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")),
)
_LONG_NUMBER = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,17}[\dXx]?(?![\dXx])")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find_private(text: str) -> str | None:
    """Say what in ``text`` looks private, or return None.

    Numbers count only where their check digit is right: cards by Luhn, Chinese identity numbers
    by ISO 7064 MOD 11-2 (GB 11643).
    """
    for what, pattern in _PATTERNS:
        if pattern.search(text):
            return what
    for match in _LONG_NUMBER.finditer(text):
        digits = match.group().replace(" ", "").replace("-", "")
        if len(digits) == 18 and _is_identity_number(digits):
            return "a Chinese identity number"
        if digits.isdecimal() and 13 <= len(digits) <= 19 and _is_card_number(digits):
            return "a payment card number"
    return None


def _is_card_number(digits: str) -> bool:
    if len(set(digits)) < 4:
        return False
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        total += digit if place % 2 == 0 else sum(divmod(2 * digit, 10))
    return total % 10 == 0


def _is_identity_number(digits: str) -> bool:
    if not digits[:17].isdecimal():
        return False
    total = sum(int(d) * w for d, w in zip(digits[:17], _IDENTITY_WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == digits[17].upper()
