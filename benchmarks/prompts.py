"""The prompts of the shipped recipes' test rows, as a run asks them; shared by two benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.engine.inputs import read_test
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.prepare import find_model, render_options
from ftcore.engine.settings import decoding
from ftcore.environments.environment import Environment
from ftcore.plugins import load_plugins
from ftcore.protocol import encode
from ftcore.recipe.loading import load_recipe
from ftcore.rendering.renderer import Renderer

RECIPES = Path(__file__).parents[1] / "recipes"
NAMES = ("nl2sql", "ner", "handbook_qa", "persona")


@dataclass(frozen=True, slots=True)
class Prompts:
    """A recipe's test prompts as token ids and as messages, its decoding and its model."""

    recipe: str
    model: Path
    decoding: dict[str, Any]
    rows: list[dict[str, Any]]


def read_prompts(recipe: str, limit: int | None = None) -> Prompts:
    """Render the test rows of a shipped recipe for its model."""
    loaded = load_recipe(RECIPES / f"{recipe}.toml")
    model = find_model(loaded, offline=False, notify=lambda text: None)
    renderer = Renderer.from_folder(model.folder, render_options(loaded))
    rows = [
        {
            "row_id": row.row_id,
            "prompt_ids": list(renderer.prompt_ids(row.prompt)),
            "messages": [message.to_json() for message in row.prompt],
        }
        for row in read_test(loaded)[:limit]
    ]
    return Prompts(recipe, model.folder, encode(decoding(loaded.recipe, renderer)), rows)


def environment(backend: str) -> Environment:
    """Return the environment of a backend on the CPU, built where it is not there."""
    return place(
        load_plugins().backend(backend), "cpu", python=None, offline=False, observer=Observer()
    )
