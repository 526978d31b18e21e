"""A model folder: what must be in it, and a fingerprint of what is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftcore.errors import ModelError, Problem
from ftcore.models.safetensors_file import TensorInfo, read_header, weight_files

_SMALL_FILES = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
)
_OTHER_TOKENIZERS = ("tokenizer.model", "vocab.json", "spiece.model")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_SAMPLE = 4096  # bytes


def check_folder(folder: Path, *, chat: bool = True) -> None:
    """Check that ``folder`` holds a model that ft can train: every problem at once.

    Wanted: ``config.json``, ``tokenizer.json``, a chat template (unless ``chat`` is False),
    safetensors weights that are whole. Raises ModelError, with the problems, otherwise.
    """
    if not folder.is_dir():
        raise ModelError(
            f"The model folder {folder} is not a folder.",
            hint="Give the folder that holds config.json.",
            code="model.not-a-folder",
        )
    problems = [
        *_config_problems(folder),
        *_tokenizer_problems(folder),
        *(_template_problems(folder) if chat else ()),
        *_weight_problems(folder),
    ]
    if problems:
        raise ModelError(
            f"The model folder {folder} cannot be used: {problems[0].message}"
            + (f", and {len(problems) - 1} more" if len(problems) > 1 else "")
            + ".",
            hint=problems[0].fix,
            code=problems[0].code,
            problems=problems,
        )


def _config_problems(folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with ``config.json``."""
    path = folder / "config.json"
    if not path.is_file():
        adapter = (folder / "adapter_config.json").is_file()
        yield Problem(
            "it holds an adapter, not a model" if adapter else "there is no config.json",
            file=str(path),
            fix="Give the base model that the adapter was trained on, or a merged export."
            if adapter
            else "Give the folder that holds config.json, or a hub id such as owner/name.",
            code="model.no-config",
        )
        return
    try:
        json.loads(path.read_text("utf-8"))
    except ValueError as error:
        yield Problem(
            f"config.json is not JSON ({error})",
            file=str(path),
            fix="Download or copy the model again.",
            code="model.broken-config",
        )


def _tokenizer_problems(folder: Path) -> Iterator[Problem]:
    """Yield what is missing of the tokenizer."""
    if not (folder / "tokenizer.json").is_file():
        other = next((name for name in _OTHER_TOKENIZERS if (folder / name).is_file()), None)
        have = f" (only {other})" if other else ""
        yield Problem(
            f"there is no tokenizer.json{have}",
            file=str(folder / "tokenizer.json"),
            fix="Write one: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
            if other
            else "Copy the tokenizer of the model beside its weights.",
            code="model.no-tokenizer",
        )


def _template_problems(folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with the chat template."""
    try:
        template = chat_template(folder)
    except ModelError as error:
        yield Problem(error.message, file=str(folder), fix=error.hint, code=error.code)
    else:
        if template is None:
            yield Problem(
                "there is no chat template",
                file=str(folder / "tokenizer_config.json"),
                fix="Choose the instruct variant of the model, or put its template into "
                "chat_template.jinja.",
                code="model.no-chat-template",
            )


def chat_template(folder: Path) -> str | None:
    """Return the folder's chat template, as transformers would choose it, or None.

    ``chat_template.jinja`` wins, then ``chat_template.json``, then ``tokenizer_config.json``, where
    it is text or a list of named ones (``default`` is taken). Raises ModelError for broken JSON.
    """
    own = folder / "chat_template.jinja"
    if own.is_file():
        return own.read_text("utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            found: Any = json.loads(path.read_text("utf-8")).get("chat_template")
            if isinstance(found, list):
                named = {entry["name"]: entry["template"] for entry in found}
                found = named.get("default") or next(iter(named.values()), None)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            raise ModelError(
                f"{name} cannot be read",
                hint="Download or copy the model again.",
                code="model.broken-config",
            ) from error
        if found:
            return str(found)
    return None


def _weight_problems(folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with the weights, their headers included."""
    try:
        weights = weight_files(folder)
        for path in weights:
            if path.is_file():
                read_header(path)
            else:
                yield Problem(
                    f"the index names {path.name}, which is missing",
                    file=str(path),
                    fix="Download or copy the model again.",
                    code="model.missing-weights",
                )
    except ModelError as error:
        yield Problem(error.message.rstrip("."), fix=error.hint, code=error.code)
        return
    if weights:
        return
    pickled = next((path for pattern in _PICKLED for path in sorted(folder.glob(pattern))), None)
    quantised = next(iter(sorted(folder.glob("*.gguf"))), None)
    found = pickled or quantised
    if found:
        message = f"its weights are {found.name}; ft reads safetensors only"
        fix = (
            "A pickle can run code when it is opened. Convert it where you trust it: "
            "AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(OUT)."
            if pickled
            else "Take the original safetensors model; GGUF is a format for inference."
        )
    else:
        message, fix = "there are no safetensors weights", "Download or copy the model again."
    yield Problem(message, file=str(found or folder), fix=fix, code="model.no-safetensors")


def folder_fingerprint(folder: Path) -> str:
    """Return 16 hex digits that tell this model from another, in well under a second.

    A SHA-256 over the configuration, tokenizer and template files, every weight file's tensor
    table and size, and 4 KiB from the middle of each tensor: a fine-tuned copy has the same shapes
    but other bytes. It does not prove that every weight is the same.
    """
    digest = hashlib.sha256()
    for name in _SMALL_FILES:
        path = folder / name
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    for path in weight_files(folder):
        tensors = read_header(path)
        digest.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            for name, tensor in sorted(tensors.items()):
                digest.update(f"{name}\0{tensor}\0".encode())
                file.seek(_middle(tensor))
                digest.update(file.read(min(_SAMPLE, tensor.end - tensor.begin)))
    return digest.hexdigest()[:16]


def _middle(tensor: TensorInfo) -> int:
    """Return where in the file the sample of a tensor begins."""
    return max(tensor.begin, (tensor.begin + tensor.end - _SAMPLE) // 2)
