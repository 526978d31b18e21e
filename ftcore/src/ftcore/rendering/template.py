"""A model's own chat template: found in its folder, compiled once, rendered many times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2.exceptions import TemplateSyntaxError

from ftcore.errors import DataError, ModelError
from ftcore.rendering.messages import Message
from ftcore.rendering.sandbox import TemplateRefused, template_environment

_SPECIAL_NAMES = (
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
)


class ChatTemplate:
    """A compiled chat template with the special tokens that it may print.

    ``special_tokens`` maps names such as ``bos_token`` to text; ``source`` is the Jinja text.
    """

    def __init__(self, source: str, special_tokens: Mapping[str, str] | None = None) -> None:
        self.source = source
        self.special_tokens = dict(special_tokens or {})
        try:
            self._template = template_environment().from_string(source)
        except TemplateSyntaxError as error:
            raise ModelError(
                f"the model's chat template cannot be compiled: {error.message} "
                f"(line {error.lineno} of the template)",
                hint="Take the template from a newer copy of the model, or correct it in the "
                "folder's chat_template.jinja.",
                code="model.chat-template-broken",
            ) from error

    def __reduce__(self) -> tuple[type[ChatTemplate], tuple[str, dict[str, str]]]:
        """Let another process compile the same template."""
        return type(self), (self.source, self.special_tokens)

    @classmethod
    def from_folder(cls, folder: Path) -> ChatTemplate:
        """Read the template and the special tokens of a model folder.

        The order of places is that of transformers: a template file wins over
        ``tokenizer_config.json``. Raises ModelError where there is no template.
        """
        config = _read_json(folder / "tokenizer_config.json")
        source = _template_from_files(folder) or _default_template(config.get("chat_template"))
        if not source:
            raise ModelError(
                f"{folder} has no chat template: neither chat_template.jinja nor a "
                "chat_template in tokenizer_config.json",
                hint="Use the instruction-tuned variant of the model, or put its template in "
                "chat_template.jinja in that folder.",
                code="model.no-chat-template",
            )
        return cls(source, read_special_tokens(folder))

    @property
    def prints_the_date(self) -> bool:
        """Whether what the template renders can change with the calendar."""
        return "strftime_now" in self.source

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the source, the special tokens and, where it is printed, the date."""
        parts: dict[str, Any] = {"source": self.source, "special": self.special_tokens}
        if self.prints_the_date:
            parts["date"] = datetime.now().strftime("%Y-%m-%d")
        text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def render(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = False, **extra: Any
    ) -> str:
        """Return the conversation as text; ``extra`` reaches the template as variables.

        Raises DataError where the template refuses the conversation or fails on it.
        """
        data = [{"role": message.role, "content": message.content} for message in messages]
        return self.render_data(data, add_generation_prompt=add_generation_prompt, **extra)

    def render_data(
        self, data: list[dict[str, str]], *, add_generation_prompt: bool = False, **extra: Any
    ) -> str:
        """Like :meth:`render`, for turns that are already plain dictionaries."""
        try:
            return self._template.render(
                messages=data,
                tools=None,
                documents=None,
                add_generation_prompt=add_generation_prompt,
                **{**self.special_tokens, **extra},
            )
        except TemplateRefused as error:
            raise DataError(
                f"the model's chat template refuses this conversation: {error}",
                hint="Bring the turns into the order the model was trained on, or choose a "
                "model whose template accepts them.",
                code="data.template-refused",
            ) from error
        except Exception as error:  # whatever a downloaded template can raise is its own failure
            raise DataError(
                f"the model's chat template fails on this conversation: {error}",
                hint="Check the roles and their order; the template may not know them.",
                code="data.template-failed",
            ) from error


def read_special_tokens(folder: Path) -> dict[str, str]:
    """Return the special tokens that a model folder names, such as ``{"eos_token": "</s>"}``.

    ``tokenizer_config.json`` wins over ``special_tokens_map.json``, except in folders of the
    older layout (without ``added_tokens_decoder``), where transformers has it the other way.
    """
    config = _read_json(folder / "tokenizer_config.json")
    legacy = _read_json(folder / "special_tokens_map.json")
    sources = (config, legacy) if "added_tokens_decoder" in config else (legacy, config)
    found: dict[str, str] = {}
    names = [*_SPECIAL_NAMES, *sorted(key for key in config if key.endswith("_token"))]
    for name in names:
        for source in sources:
            text = _token_text(source.get(name))
            if text is not None and name not in found:
                found[name] = text
    return found


def _token_text(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else None


def _template_from_files(folder: Path) -> str | None:
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(
                f"{path} cannot be read: {error}", code="model.chat-template-broken"
            ) from error
    return _default_template(_read_json(folder / "chat_template.json").get("chat_template"))


def _default_template(value: object) -> str | None:
    """Return a template, or the one called ``default`` of a list or table of named ones."""
    if isinstance(value, list):
        value = {
            entry.get("name"): entry.get("template") for entry in value if isinstance(entry, dict)
        }
    if isinstance(value, dict):
        value = value.get("default")
    return value if isinstance(value, str) else None


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}",
            hint="Fetch the model again; the file is incomplete or damaged.",
            code="model.broken-file",
        ) from error
    return data if isinstance(data, dict) else {}
