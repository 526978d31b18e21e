"""Writes what the worker reads: the stream's order, the initial adapter, requests, the job."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

from ftcore.data.rows import Row
from ftcore.engine.initial import write_initial
from ftcore.engine.prepare import Prepared
from ftcore.engine.prompts import write_requests
from ftcore.engine.settings import decoding, frozen_dtype, model_ref
from ftcore.protocol import PROTOCOL_VERSION, Job, Stage, write_message
from ftcore.runs.folder import RunFolder


def write_job(run: RunFolder, prepared: Prepared, *, evaluator: str) -> Job:
    """Write everything that the worker reads into the run directory and return the job."""
    prepared.stream.link_into(run.path)
    prepared.order.save(run.file("stream") / "order.npz")
    if not prepared.settings.trained:
        write_initial(run.file("initial_adapter"), prepared)
    launch = prepared.loaded.recipe.launch
    job = Job(
        version=PROTOCOL_VERSION,
        run=run.path.name,
        folder=str(run.path),
        backend=prepared.spec.name,
        trainer=prepared.spec.trainer,
        evaluator=evaluator,
        exporter=prepared.spec.exporter,
        device=prepared.device,
        threads=launch.threads,
        world_size=launch.processes * launch.nodes,
        nodes=launch.nodes,
        model=model_ref(prepared.loaded.recipe, str(prepared.model.folder)),
        settings=prepared.settings,
        stages=stages(run, prepared),
        **_watched(prepared),
    )
    write_message(job, run.file("job.json"))
    return job


def _watched(prepared: Prepared) -> dict[str, Any]:
    """Return what the engine is handed besides the settings, and how a compared run is watched."""
    watch = prepared.watch
    options = {"engine_options": dict(prepared.plan.engine_options)}
    if watch is None:
        return options
    switches = dict(watch.switches)
    return {**options, "observe": True, "deterministic": watch.deterministic, "switches": switches}


def legs(job: Job) -> list[Job]:
    """Return the jobs that the workers get, one after the other.

    In several processes only training is done: whoever answers or exports meets no other rank.
    """
    if job.world_size == 1:
        return [job]
    groups = groupby(job.stages, key=lambda stage: stage.kind == "train")
    alone = replace(job, world_size=1, nodes=1)
    found = [replace(job if trains else alone, stages=list(part)) for trains, part in groups]
    return found or [alone]


def stages(run: RunFolder, prepared: Prepared) -> list[Stage]:
    """Return the job's stages: evaluate before, train, evaluate after, export."""
    recipe, inputs = prepared.loaded.recipe, prepared.inputs
    adapter, initial = str(run.file("adapter")), str(run.file("initial_adapter"))
    found: list[Stage] = []
    if inputs.test and recipe.evaluation.before:
        found.append(_generate(run, prepared, "before", inputs.test))
    if inputs.test and inputs.few_shot:
        found.append(_generate(run, prepared, "few_shot", inputs.test, examples=inputs.few_shot))
    found.append(
        Stage(
            name="train",
            kind="train",
            input=str(run.file("stream")),
            output=adapter,
            adapter=None if prepared.settings.trained else initial,
        )
    )
    if inputs.test:
        found.append(_generate(run, prepared, "after", inputs.test, adapter=adapter))
    if recipe.export.formats:
        found.append(_export(run, prepared, adapter))
    return found


def _generate(
    run: RunFolder,
    prepared: Prepared,
    name: str,
    rows: list[Row],
    *,
    adapter: str | None = None,
    examples: list[Row] | None = None,
) -> Stage:
    requests = run.file("requests") / f"{name}.jsonl"
    write_requests(requests, rows, prepared.renderer, examples or ())
    return Stage(
        name=name,
        kind="generate",
        input=str(requests),
        output=str(run.file("predictions") / f"{name}.jsonl"),
        adapter=adapter,
        decoding=decoding(prepared.loaded.recipe, prepared.renderer),
    )


def _export(run: RunFolder, prepared: Prepared, adapter: str) -> Stage:
    export = prepared.loaded.recipe.export
    rows = prepared.inputs.examples
    dtype = prepared.facts.dtype if export.dtype == "auto" else export.dtype
    return Stage(
        name="export",
        kind="export",
        output=str(run.file("exports")),
        adapter=adapter,
        decoding=decoding(prepared.loaded.recipe, prepared.renderer),
        options={
            "formats": list(export.formats),
            "dtype": dtype or frozen_dtype(prepared.loaded.recipe),
            "prompts": [list(prepared.renderer.prompt_ids(row.prompt)) for row in rows],
        },
    )
