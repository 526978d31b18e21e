"""Lists everything that a run used: model, engine, versions, data, decoding, exports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ftcore.report import numbers
from ftcore.report.collect import ReportData
from ftcore.report.summary import Group, Line


def used_groups(data: ReportData) -> tuple[Group, ...]:
    """Return what the run used, by subject; subjects without data are left out."""
    groups = [
        Group("Run", tuple(_run(data))),
        Group("Model", tuple(_model(data.plan["model"])) if data.plan else ()),
        Group("Backend and environment", tuple(_environment(data))),
        Group("Versions", _versions(data)),
        Group("Data and order", tuple(_data(data.plan)) if data.plan else ()),
        Group("Evaluation", tuple(_evaluation(data.plan["evaluation"])) if data.plan else ()),
        Group("Exports", tuple(_exports(data))),
    ]
    return tuple(group for group in groups if group.lines)


def _run(data: ReportData) -> Iterator[Line]:
    run = data.manifest
    yield Line("Run", run.id, code=True)
    yield Line("Recipe", run.recipe + (f", profile {run.profile}" if run.profile else ""))
    if data.recipe:
        yield Line("Recipe file", data.recipe.path, code=True)
        for override in data.recipe.overrides:
            yield Line("Set on the command line", override, code=True)
    yield Line("Begun", numbers.moment(run.created))
    if run.finished is not None:
        took = numbers.duration(run.finished - run.created)
        yield Line("Ended", f"{numbers.moment(run.finished)}, after {took}")
    for entry in run.resumed:
        when, after = numbers.moment(entry["time"]), entry["after"]
        yield Line("Resumed", f"{when}, after step {entry['from_step']}; it was {after}")


def _model(model: Mapping[str, Any]) -> Iterator[Line]:
    yield Line("Model", model["id"], code=True)
    yield Line("Source", model["source"], code=True)
    yield Line("Fingerprint", model["fingerprint"], code=True)
    if model["note"]:
        yield Line("Note", model["note"])
    yield Line("Architecture", f"{model['architecture']}, {model['parameters']:,} parameters")
    yield Line("Folder", model["folder"], code=True)


def _environment(data: ReportData) -> Iterator[Line]:
    environment = data.environment
    if environment is None:
        yield Line("Backend", data.manifest.backend)
    else:
        yield Line("Backend", f"{environment['backend']}, plugin {environment['plugin_version']}")
        yield Line("Environment key", environment["key"], code=True)
        built = "built for this run: " if environment["built"] else ""
        yield Line("Environment", built + environment["reason"])
        yield Line("Torch from", environment["torch_source"])
        yield Line("Code hash", environment["code"], code=True)
        yield Line("Interpreter", environment["python"], code=True)
    if data.plan:
        yield Line("Device", data.plan["device"])
    if data.job:
        yield Line("Processes", numbers.count(data.job["world_size"]))
        for name, value in data.job["engine_options"].items():
            text = f"{name} = {json.dumps(value, default=str)}"
            yield Line("Engine option, outside the guarantee", text, code=True)
    for text in data.plan.get("other_options", ()) if data.plan else ():
        yield Line("Not used", text)


def _versions(data: ReportData) -> tuple[Line, ...]:
    if data.result is None:
        return ()
    return tuple(Line(name, version) for name, version in data.result.versions.items())


def _data(plan: Mapping[str, Any]) -> Iterator[Line]:
    for part, text in plan["formats"].items():
        yield Line(f"Format, {part}", text)
    yield Line("Stream hash", plan["stream"], code=True)
    yield Line("Order digest", plan["order"], code=True)
    yield Line("Seed of order, adapter and dropout", str(plan["settings"]["seed"]))
    yield Line("End of turn", plan["stop_token"], code=True)
    yield Line("Stream", "reused, nothing tokenised" if plan["stream_reused"] else "made anew")


def _evaluation(evaluation: Mapping[str, Any]) -> Iterator[Line]:
    generation = evaluation["generation"]
    how = "greedy"
    if generation["do_sample"]:
        how = (
            f"sampled, temperature {generation['temperature']:g}, top-p {generation['top_p']:g}, "
            f"top-k {generation['top_k']}, seed {generation['seed']}"
        )
    if generation["repetition_penalty"] != 1:
        how += f", repetition penalty {generation['repetition_penalty']:g}"
    how += f", at most {generation['max_new_tokens']} new tokens"
    # Older runs say how many rows they held together instead.
    together = generation.get("max_batch_tokens")
    yield Line("Decoding", f"{how}, {together:,} tokens together" if together else how)
    if evaluation.get("evaluator") == "native":
        yield Line("Answers", "of the engine's own inference, not of ft's generator")
    yield Line(
        "Intervals",
        f"95%, bootstrap over rows (shares of rows: exact), {evaluation['resamples']:,} resamples, "
        f"seed {evaluation['seed']}",
    )
    if evaluation["few_shot"]:
        yield Line("Few-shot examples", evaluation["few_shot"], code=True)
    if evaluation["limit"]:
        yield Line("Test rows at most", numbers.count(evaluation["limit"]))


def _exports(data: ReportData) -> Iterator[Line]:
    made = data.result.stages.get("export", {}) if data.result else {}
    for name, export in made.items():
        text = numbers.size(export["bytes"])
        verified = export.get("verified_prompts")
        if verified and verified["compared"]:
            text += (
                f"; {verified['equal']} of {verified['compared']} prompts answered "
                "token for token as the adapter does"
            )
        yield Line(name, f"{text} ({export['path']})")
