"""A slow, independent account of ids and labels, and transformers' own ids for a hand check."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from ftcore.rendering.messages import Message

SCRIPT = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
for line in sys.stdin:
    ids = tokenizer.apply_chat_template(json.loads(line), tokenize=True, return_dict=False)
    print(json.dumps(ids))
"""


def reference_labels(ids: Sequence[int], pieces: Sequence[str], flags: Sequence[bool]) -> list[int]:
    """Return the labels of tokens whose texts, put end to end, are the whole text.

    ``pieces`` are the tokens' bytes decoded as Latin-1, one character a byte; ``flags`` say for
    each byte of the text whether it is supervised. A token is supervised if all its bytes are.
    """
    labels = []
    position = 0
    for number, piece in zip(ids, pieces, strict=True):
        inside = flags[position : position + len(piece)]
        labels.append(number if all(inside) else -100)
        position += len(piece)
    assert position == len(flags)
    return labels


def byte_flags(text: str, flags: Sequence[bool]) -> list[bool]:
    """Spread one flag a character over the UTF-8 bytes of each."""
    return [
        flag for character, flag in zip(text, flags, strict=True) for _ in character.encode("utf-8")
    ]


def byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for (GPT-2's table).

    Printable Latin-1 bytes stand for themselves; the others, in order, for U+0100 and after.
    """
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    table = {chr(byte): byte for byte in shown}
    return table | {chr(0x100 + number): byte for number, byte in enumerate(hidden)}


def byte_level_pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """Return the bytes of byte-level tokens, added tokens included, as Latin-1 text."""
    table = byte_alphabet()
    added = {
        number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()
    }
    return [
        (
            added[number].encode("utf-8")
            if number in added
            else bytes(table[character] for character in tokenizer.id_to_token(number) or "")
        ).decode("latin-1")
        for number in ids
    ]


def apply_chat_template_ids(
    python: str, folder: Path, conversations: Sequence[Sequence[Message]]
) -> list[list[int]]:
    """Return the ids of transformers' ``apply_chat_template``, run by another interpreter.

    ``python`` is one that has transformers, such as a backend environment's.
    """
    lines = "".join(
        json.dumps([{"role": turn.role, "content": turn.content} for turn in messages]) + "\n"
        for messages in conversations
    )
    done = subprocess.run(
        [python, "-c", SCRIPT, str(folder)],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
