"""Answers that need not be given again, kept by the hash of all that decides them.

Those of the untuned model do not depend on training, so a second run (another seed, another rank)
takes them from the cache; an evaluation goes on where an earlier one of the same answers ended.
Same model bits, prompts, decoding, environment and code, or they are generated anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ftcore.backends import BackendSpec
from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.environments.environment import Environment
from ftcore.models.resolve import ResolvedModel
from ftcore.protocol import Job, Stage, write_json, write_message
from ftcore.runs.folder import RunFolder
from ftcore.worker.kept_answers import IDENTITY, answers_key, key_file, read_answers

BASELINES = ("before", "few_shot")
REUSED_FILE = "predictions/reused.json"


def identity(model: ResolvedModel, environment: Environment, spec: BackendSpec) -> str:
    """Return what, besides the job itself, decides a model's answers."""
    code = code_folder(cache_dir(), spec.package).name
    return f"{model.fingerprint} {environment.key} {code}"


def identified(job: Job, identity: str) -> Job:
    """Return the job with ``identity`` in its generate stages, for the hash of their answers.

    ``identity`` stands for the model's fingerprint, the environment and the worker's code.
    """
    return replace(job, stages=[_identified(stage, identity) for stage in job.stages])


def _identified(stage: Stage, identity: str) -> Stage:
    if stage.kind != "generate":
        return stage
    return replace(stage, options={**stage.options, IDENTITY: identity})


def reuse_baselines(
    run: RunFolder, job: Job, *, identity: str, notify: Callable[[str], None]
) -> Job:
    """Return the job without the baseline stages whose answers are known, and put those in place.

    The stages that are left know ``identity``.
    """
    reused: dict[str, str] = {}
    job = identified(job, identity)
    for stage in job.stages:
        kept = _kept(stage, job)
        if kept is not None and kept.exists():
            shutil.copyfile(kept, stage.output)
            key_file(Path(stage.output)).write_text(kept.stem, encoding="utf-8")
            reused[stage.name] = kept.stem
            notify(f"predictions {stage.name!r}: reused ({kept.stem[:12]})")
    if reused:
        write_json(reused, run.file(REUSED_FILE))
    shorter = replace(job, stages=[s for s in job.stages if s.name not in reused])
    write_message(shorter, run.file("job.json"))
    return shorter


def keep_baselines(job: Job, *, identity: str) -> None:
    """Keep the answers of the baseline stages that this job generated."""
    job = identified(job, identity)
    for stage in job.stages:
        kept = _kept(stage, job)
        if kept is not None and Path(stage.output).exists():
            temporary = kept.with_suffix(".tmp")
            shutil.copyfile(stage.output, temporary)
            temporary.replace(kept)


def _kept(stage: Stage, job: Job) -> Path | None:
    if stage.name not in BASELINES or stage.adapter is not None or stage.input is None:
        return None
    return cache_dir("predictions") / f"{answers_key(job, stage)}.jsonl"


def take_over(job: Job, stage: Stage, earlier: Iterable[Path]) -> int:
    """Put the most answers to the same questions of ``earlier`` predictions files in place.

    Returns how many they are; the worker answers the rest.
    """
    key = answers_key(job, stage)
    found = {path: len(read_answers(path, key)) for path in earlier}
    best = max(found, key=lambda path: found[path], default=None)
    if best is None or not found[best]:
        return 0
    shutil.copyfile(best, stage.output)
    key_file(Path(stage.output)).write_text(key, encoding="utf-8")
    return found[best]
