"""The engines' own inference, where asked for, answers ft's prompts as ft's generator does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ftcore.engine.evaluate import evaluate
from ftcore.engine.evaluators import evaluator_hook
from ftcore.engine.observer import Observer
from ftcore.engine.targets import find_target
from ftcore.plugins import load_plugins

pytestmark = pytest.mark.heavy

BACKENDS = ("trl", "swift", "llamafactory")
# All ten rows are asked, longer than the answers that they were trained on.
ASKED = ('data.test=["train.jsonl"]', "evaluation.generation.max_new_tokens=12")


def answers(folder: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return tokens and ending by row."""
    text = (folder / "predictions" / "after.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.split("\n") if line]
    return {line["row_id"]: (tuple(line["token_ids"]), line["finish"]) for line in lines}


@pytest.mark.parametrize("method", ["lora", "full", "4bit"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_native_answers_are_the_shared_generators(cells, tmp_path, backend: str, method: str):
    trained = {"full": ('train.method="full"',), "4bit": ("model.quantization=4bit",)}
    engine = f'default_backend="{backend}"'
    cell = cells(backend, engine, *ASKED, *trained.get(method, ()), "export.formats=[]")
    plugins, run = load_plugins(), cell.done.folder
    spec = plugins.backend(backend)
    hook = evaluator_hook(spec, "native", plugins.backends().values())
    target = find_target(str(run.path), tmp_path)
    loaded = cell.done.prepared.loaded
    done = evaluate(target, loaded, plugins, runs=tmp_path, observer=Observer(), evaluator=hook)
    assert done.result.stages["after"]["reused"] == 0
    shared, native = answers(run.path), answers(done.folder.path)
    assert shared.keys() == native.keys()
    assert sum(shared[row] == native[row] for row in shared) >= 0.9 * len(shared)
