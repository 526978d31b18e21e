"""A slow, independent account of ids and labels, and transformers' own of ids and texts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ftcore.rendering.messages import Message

SCRIPT = """
import functools, json, sys
from transformers import AutoTokenizer
load = functools.cache(AutoTokenizer.from_pretrained)
for line in sys.stdin:
    task = json.loads(line)
    options = {"tokenize": task["tokenize"], "add_generation_prompt": task["prompt"]}
    if task["tokenize"]:
        options["return_dict"] = False
    try:
        said = load(task["folder"]).apply_chat_template(task["messages"], **options)
    except Exception as error:
        said = {"error": str(error)}
    print("said " + json.dumps(said))
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


@dataclass(frozen=True)
class Asked:
    """One call of transformers' ``apply_chat_template``."""

    folder: Path
    messages: Sequence[Message]
    tokenize: bool = True
    prompt: bool = False

    def to_line(self) -> str:
        """Return the call as one line of JSON."""
        messages = [{"role": turn.role, "content": turn.content} for turn in self.messages]
        return json.dumps({**vars(self), "folder": str(self.folder), "messages": messages}) + "\n"


def apply_chat_template(python: str, asked: Sequence[Asked]) -> list[Any]:
    """Return what transformers says to each call: ids, a text, or an object with its error.

    ``python`` is an interpreter that has transformers, such as that of a backend's environment.
    """
    done = subprocess.run(
        [python, "-c", SCRIPT],
        input="".join(call.to_line() for call in asked),
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
    )
    lines = done.stdout.split("\n")
    return [json.loads(line.removeprefix("said ")) for line in lines if line.startswith("said ")]
