"""A model folder's ``tokenizer.json``, loaded so that ids and character offsets can be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from ftcore.errors import ModelError


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a model folder, without truncation, padding or trimmed offsets.

    A byte-level post-processor may trim spaces off a token's offsets. That changes no id, but a
    newline merged into the header would then look as if it took no room; so it is switched off.
    Raises ModelError where ``tokenizer.json`` is missing or damaged.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(
            f"{folder} has no tokenizer.json",
            hint="Use a model folder with a fast tokenizer, or convert the tokenizer once with "
            "transformers (AutoTokenizer.from_pretrained(...).save_pretrained(...)).",
            code="model.no-tokenizer",
        )
    try:
        data = json.loads(path.read_bytes())
        _keep_offsets_whole(data.get("post_processor"))
        tokenizer = Tokenizer.from_str(json.dumps(data))
    except Exception as error:  # tokenizers raises bare Exception for a bad file
        raise ModelError(
            f"{path} cannot be read: {error}",
            hint="Fetch the model again; the file is incomplete or damaged, or newer than the "
            "installed tokenizers library.",
            code="model.broken-file",
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    _add_declared_tokens(tokenizer, folder)
    return tokenizer


def added_token_texts(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the text of every added token, longest first, so that the first match is longest."""
    texts = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    return tuple(sorted(texts, key=lambda text: (-len(text), text)))


def _keep_offsets_whole(post_processor: Any) -> None:
    if not isinstance(post_processor, dict):
        return
    if "trim_offsets" in post_processor:
        post_processor["trim_offsets"] = False
    for processor in post_processor.get("processors", []):
        _keep_offsets_whole(processor)


def _add_declared_tokens(tokenizer: Tokenizer, folder: Path) -> None:
    """Add the tokens that only ``tokenizer_config.json`` declares, as transformers does."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_bytes()) if path.is_file() else {}
    known = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    for number, entry in sorted(
        (config.get("added_tokens_decoder") or {}).items(), key=lambda item: int(item[0])
    ):
        if entry["content"] in known:
            continue
        special = bool(entry.get("special", False))
        options = {key: value for key, value in entry.items() if key not in ("content", "special")}
        token = AddedToken(entry["content"], special=special, **options)
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
        if tokenizer.token_to_id(entry["content"]) != int(number):
            raise ModelError(
                f"{path} gives the token {entry['content']!r} the id {number}, but "
                f"tokenizer.json gives it {tokenizer.token_to_id(entry['content'])}",
                hint="Fetch the model again; the two files do not belong together.",
                code="model.broken-file",
            )
