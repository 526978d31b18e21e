"""Writes the adapter that training starts from, for each method that trains one."""

from __future__ import annotations

from pathlib import Path

from ftcore.engine.prepare import Prepared
from ftcore.models.initial_adapter import write_initial_adapter
from ftcore.models.initial_ia3 import write_ia3_adapter
from ftcore.models.initial_pissa import write_pissa_adapter
from ftcore.models.initial_prompt import write_prefix_adapter, write_prompt_adapter


def write_initial(folder: Path, prepared: Prepared) -> None:
    """Write the initial adapter of the recipe's method into ``folder``."""
    settings, facts, model = prepared.settings, prepared.facts, prepared.model.folder
    seed, tokens = settings.seed, settings.virtual_tokens or 0
    match settings.method:
        case "ia3":
            write_ia3_adapter(folder, facts, base_model=str(model))
        case "prompt_tuning":
            write_prompt_adapter(folder, facts, tokens=tokens, seed=seed, model=model)
        case "prefix_tuning":
            write_prefix_adapter(folder, facts, tokens=tokens, seed=seed, model=model)
        case _ if settings.lora.init == "pissa":
            write_pissa_adapter(folder, facts, settings.lora, seed=seed, model=model)
        case _:
            write_initial_adapter(folder, facts, settings.lora, seed=seed, base_model=str(model))
