"""A folder that shows the base model with another configured dtype, without copying weights."""

from __future__ import annotations

import json
from pathlib import Path

from ftcore.protocol import ModelRef


def view_with_dtype(model: ModelRef, target: Path) -> Path:
    """Link every file of the model into ``target``, with ``config.json`` naming ``model.dtype``.

    Some engines load the base in the type that its configuration names and offer no other way.
    """
    target.mkdir(parents=True, exist_ok=True)
    for source in Path(model.folder).iterdir():
        link = target / source.name
        if source.name != "config.json" and not link.exists():
            link.symlink_to(source.resolve())
    config = json.loads((Path(model.folder) / "config.json").read_text(encoding="utf-8"))
    config.pop("torch_dtype", None)
    config["dtype"] = model.dtype
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    return target
