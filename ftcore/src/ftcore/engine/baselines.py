"""Answers of the untuned model, kept by the hash of all that decides them.

They do not depend on training, so a second run (another seed, another rank) takes them from the
cache: same model bits, prompts, decoding, environment and code, or they are generated anew.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ftcore.cache import cache_dir
from ftcore.protocol import Job, Stage, encode, write_json, write_message
from ftcore.runs.folder import RunFolder

BASELINES = ("before", "few_shot")
REUSED_FILE = "predictions/reused.json"


def reuse_baselines(
    run: RunFolder, job: Job, *, identity: str, notify: Callable[[str], None]
) -> Job:
    """Return the job without the baseline stages whose answers are known, and put those in place.

    ``identity`` stands for the model's fingerprint, the environment and the worker's code.
    """
    reused: dict[str, str] = {}
    for stage in job.stages:
        kept = _kept(stage, job, identity)
        if kept is not None and kept.exists():
            shutil.copyfile(kept, stage.output)
            reused[stage.name] = kept.stem
            notify(f"predictions {stage.name!r}: reused ({kept.stem[:12]})")
    if not reused:
        return job
    write_json(reused, run.file(REUSED_FILE))
    shorter = replace(job, stages=[s for s in job.stages if s.name not in reused])
    write_message(shorter, run.file("job.json"))
    return shorter


def keep_baselines(job: Job, *, identity: str) -> None:
    """Keep the answers of the baseline stages that this job generated."""
    for stage in job.stages:
        kept = _kept(stage, job, identity)
        if kept is not None and Path(stage.output).exists():
            temporary = kept.with_suffix(".tmp")
            shutil.copyfile(stage.output, temporary)
            temporary.replace(kept)


def _kept(stage: Stage, job: Job, identity: str) -> Path | None:
    if stage.name not in BASELINES or stage.adapter is not None or stage.input is None:
        return None
    state = hashlib.sha256()
    decided = [identity, job.evaluator, job.device, job.model.dtype, job.model.attention]
    # The number of threads changes the order of sums, and with it the odd answer.
    decided.append(str(job.threads))
    decided.append(json.dumps(encode(stage.decoding), sort_keys=True))
    for text in decided:
        state.update(text.encode() + b"\0")
    state.update(Path(stage.input).read_bytes())
    return cache_dir("predictions") / f"{state.hexdigest()}.jsonl"
