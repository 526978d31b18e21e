"""A folder that shows the base model with another configuration, without copying weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ftcore.protocol import ModelRef

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"


def model_view(model: ModelRef, target: Path) -> Path:
    """Return a folder whose configuration says what the job says: the model's own if it does.

    Some engines load the base in the type that its ``config.json`` names and offer no other way,
    and some run the code that ``auto_map`` names whether or not the recipe trusts it. Otherwise
    every file of the model is linked into ``target``, beside configurations of its own.
    """
    folder = Path(model.folder)
    shown = {
        name: (data, _adjusted(name, data, model))
        for name in (CONFIG, TOKENIZER_CONFIG)
        if (data := _read(folder / name)) is not None
    }
    if all(before == after for before, after in shown.values()):
        return folder
    target.mkdir(parents=True, exist_ok=True)
    for source in folder.iterdir():
        link = target / source.name
        if source.name not in shown and not link.exists():
            link.symlink_to(source.resolve())
    for name, (_, data) in shown.items():
        text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
        (target / name).write_text(text, encoding="utf-8")
    return target


def _adjusted(name: str, data: dict[str, Any], model: ModelRef) -> dict[str, Any]:
    data = dict(data)
    if name == CONFIG and data.get("dtype", data.get("torch_dtype")) != model.dtype:
        data.pop("torch_dtype", None)
        data["dtype"] = model.dtype
    if not model.trust_remote_code:
        data.pop("auto_map", None)
    return data


def _read(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data
