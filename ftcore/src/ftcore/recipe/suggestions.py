"""What a user may have meant by a key that the recipe does not have."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ftcore.recipe.fields import KeyPath, is_table, leaf_fields, options, table_paths, type_at
from ftcore.recipe.key_lines import dotted
from ftcore.recipe.schema import Recipe

# What other tools call our fields, where spelling alone would not lead there.
OTHER_NAMES = {
    "lr": "train.learning_rate",
    "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "per_device_train_batch_size": "train.batch_size",
    "gradient_accumulation_steps": "train.accumulation",
    "lr_scheduler_type": "train.scheduler",
    "max_seq_length": "data.max_length",
    "cutoff_len": "data.max_length",
    "model_name_or_path": "model.id",
    "dataset": "data.train",
    "eval_steps": "train.validation.every_steps",
    "save_steps": "train.checkpoints.every_steps",
    "save_total_limit": "train.checkpoints.keep",
    "load_best_model_at_end": "train.validation.load_best",
    "early_stopping_patience": "train.validation.patience",
    "target_modules": "train.lora.targets",
    "r": "train.lora.rank",
    "loraplus_lr_ratio": "train.lora.plus_ratio",
    "pissa_init": "train.lora.init",
    "optim": "train.optimizer",
    "min_lr": "train.min_lr_ratio",
    "min_lr_rate": "train.min_lr_ratio",
    "num_virtual_tokens": "train.prompt.virtual_tokens",
    "adam_beta1": "train.beta1",
    "adam_beta2": "train.beta2",
    "adam_epsilon": "train.epsilon",
    "bf16": "train.precision",
    "fp16": "train.precision",
    "eval": "evaluation",
    "generation": "evaluation.generation",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is spelt most like ``name``, or None."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def meant(table: KeyPath, key: str) -> str:
    """Return one thing to try for the unknown ``key`` of ``table``, in one sentence."""
    here = table_keys(table)
    guess = _guess(key.lower().replace("-", "_"), here, dotted(table))
    if guess is not None:
        return f"did you mean `{guess}`?"
    place = f"[{dotted(table)}]" if table else "the top of a recipe"
    return f"{place} has the keys {', '.join(here)}" if here else "remove it"


def table_keys(table: KeyPath) -> list[str]:
    """Return the keys that the table at a path may hold."""
    tables = [option for option in options(type_at(Recipe, table)) if is_table(option)]
    return [name for option in tables for name in option.model_fields]


def _guess(key: str, here: list[str], table: str) -> str | None:
    """Return the likeliest place: a sibling spelt alike, the same key elsewhere, then the rest."""
    close = get_close_matches(key, here, n=1, cutoff=0.8)
    paths = [*leaf_fields(Recipe), *table_paths(Recipe)]
    ends = {path: path.rpartition(".")[2] for path in paths}
    joined = {path: "_".join(path.split(".")[-2:]) for path in paths}
    elsewhere = [path for path in paths if key in (ends[path], joined[path]) and path != table]
    alike = get_close_matches(key, set(ends.values()), n=1, cutoff=0.8)
    if close:
        return close[0]
    if key in OTHER_NAMES:
        return OTHER_NAMES[key]
    if elsewhere:
        return min(elsewhere, key=lambda path: (not path.startswith(table), path.count(".")))
    if alike and len(key) > 3:
        return min((path for path in paths if ends[path] == alike[0]), key=len)
    return nearest(key, here)
