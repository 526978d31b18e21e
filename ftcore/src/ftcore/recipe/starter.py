"""A first recipe for rows that the user already has (`ft recipe new NAME --from rows.jsonl`)."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from ftcore.errors import RecipeError
from ftcore.recipe.shipped import refuse_overwriting

STARTER = """\
# {name}: fine-tunes a small model on {shown}.
#
#     ft data check {file}       looks for broken, doubled and overlong rows
#     ft run {file} --dry-run    shows the plan
#     ft run {file}              trains, and evaluates before and after
#
# Every key and its default: ft recipe schema
name = {quoted_name}

[model]
id = "smollm2-135m-instruct"   # or a local folder, or a hub id such as "owner/model"

[data]
train = {rows}
format = "auto"                # decided from the rows; `ft data preview` shows how they are read
max_length = 1024              # longest row in tokens; a longer one is an error, never cut unseen

[data.split]                   # held out by a hash of each row, never trained on
validation = 0.1
test = 0.1

[train]
epochs = 2                     # 1 to 3
batch_size = 4
accumulation = 2               # 8 rows per optimizer step
learning_rate = 2e-4           # 1e-4 to 2e-4 for LoRA on models of 1B and more
scheduler = "cosine"
warmup_ratio = 0.05

[train.lora]
rank = 8                       # 4 to 16
alpha = 16                     # about twice the rank

[train.validation]
every_steps = 20               # falling training loss with rising validation loss: overfitting

[evaluation]
metrics = ["token_f1", "rouge_l_f", "exact_match"]
main_metric = "token_f1"

[evaluation.generation]
max_new_tokens = 128           # longer than your longest answer
"""


def starter_from_rows(rows: Path, target: Path) -> list[Path]:
    """Write a commented recipe for the user's ``rows`` to the file ``target``; return it.

    The rows stay where they are: the recipe points to them. `RecipeError` when there are no such
    rows, when ``target`` is there already, or when it is not a `.toml` file.
    """
    if not rows.exists():
        raise RecipeError(
            f"there is no file {rows}",
            hint="give the file or folder of your rows",
            code="recipe.rows-missing",
        )
    if target.suffix != ".toml":
        raise RecipeError(
            f"{target} is not the name of a recipe",
            hint=f"call it {target.with_suffix('.toml')}",
            code="recipe.name",
        )
    refuse_overwriting([target])
    target.parent.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", target.stem).strip("-._") or "recipe"
    text = STARTER.format(
        name=name,
        quoted_name=_text(name),
        shown=_text(rows.name),
        file=target.name,
        rows=_text(_from(target.parent, rows)),
    )
    target.write_text(text, encoding="utf-8")
    return [target]


def _from(folder: Path, rows: Path) -> str:
    """Return the path of ``rows`` relative to ``folder`` where they share more than the root."""
    folder, rows = folder.resolve(), rows.resolve()
    if os.path.commonpath([folder, rows]) == folder.anchor:
        return rows.as_posix()
    return Path(os.path.relpath(rows, folder)).as_posix()


def _text(value: str) -> str:
    """Return a TOML string."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
