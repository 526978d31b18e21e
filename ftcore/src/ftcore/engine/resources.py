"""What a run's answers and validation cost: figures of a whole stage, read from the run's files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ftcore.runs.folder import RunFolder


def generation_figures(run: RunFolder) -> dict[str, dict[str, Any]]:
    """Return, for each stage that gave answers, speed, time per answer and peak memory.

    ``tokens_per_second`` and ``seconds_per_answer`` are wall time without loading the model, over
    the answers given now (``rows`` less ``reused``); None where none was. ``peak_memory_mib`` is
    the worker's at the end of the stage.
    """
    result = run.read_json("result.json") or {}
    peaks = {
        event["stage"]: event["data"].get("peak_memory_mib")
        for event in _events(run)
        if event["type"] == "finished" and event["stage"] is not None
    }
    found = {}
    for stage, made in result.get("stages", {}).items():
        if not {"rows", "tokens", "seconds"} <= made.keys():
            continue
        answered = made["rows"] - made.get("reused", 0)
        seconds, tokens = made["seconds"], made["tokens"]
        timed = bool(answered and seconds)
        found[stage] = {
            "rows": made["rows"],
            "reused": made.get("reused", 0),
            "tokens": tokens,
            "tokens_per_second": tokens / seconds if timed else None,
            "seconds_per_answer": seconds / answered if timed else None,
            "peak_memory_mib": peaks.get(stage),
        }
    return found


def validation_figures(run: RunFolder) -> dict[str, Any] | None:
    """Return the best and the last validation loss with their steps; None without validation.

    ``loss`` is the mean negative log-likelihood in nats per supervised token, ``perplexity`` its
    exponential (Jelinek et al. 1977).
    """
    measured = [
        (float(event["data"]["validation_loss"]), int(event["data"]["step"]))
        for event in _events(run)
        if event["type"] == "metric" and event["data"].get("validation_loss") is not None
    ]
    if not measured:
        return None
    return {"best": _loss(*min(measured)), "last": _loss(*measured[-1])}


def _loss(loss: float, step: int) -> dict[str, Any]:
    # Beyond this a float cannot hold the exponential.
    perplexity = math.exp(loss) if loss < 700 else None
    return {"loss": loss, "perplexity": perplexity, "step": step}


def _events(run: RunFolder) -> Iterable[Mapping[str, Any]]:
    return run.read_lines("events.jsonl")
