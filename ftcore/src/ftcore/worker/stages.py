"""Runs the stages of a job, one after the other, with the hooks that the job names."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ftcore.backends import Evaluator, Exporter, Request, Trainer, WorkerHook
from ftcore.errors import BackendFailed, ProtocolViolation
from ftcore.protocol import Job, Stage, write_json
from ftcore.worker.context import WorkerContext
from ftcore.worker.generator import Throughput
from ftcore.worker.kept_answers import KeptAnswers, answers_key
from ftcore.worker.memory import peak_memory_mib, release_memory


def load_hook(name: str) -> type[WorkerHook]:
    """Import ``package.module:Class``."""
    module, _, attribute = name.partition(":")
    return cast(type[WorkerHook], getattr(importlib.import_module(module), attribute))


class StageRunner:
    """Runs each stage and keeps what it made; later stages use the adapter of the training."""

    def __init__(self, context: WorkerContext, job: Job) -> None:
        self.context = context
        self.job = job
        self.results: dict[str, dict[str, Any]] = dict(job.finished)
        self.stopped = False
        self.current: str | None = None

    def run(self) -> None:
        """Run all stages; ends early, in order, when a stop was asked for."""
        for stage in self.job.stages:
            if self.stopped or self.context.should_stop():
                self.stopped = True
                return
            self.current = self.context.events.stage = stage.name
            self.context.emit("started", kind=stage.kind)
            made = self.results[stage.name] = getattr(self, f"_{stage.kind}")(stage)
            self.context.emit(
                "finished",
                kind=stage.kind,
                peak_memory_mib=peak_memory_mib(),
                stopped=self.stopped,
                result=made,
            )
            release_memory()

    def _generate(self, stage: Stage) -> dict[str, Any]:
        if stage.input is None or stage.decoding is None:
            raise ProtocolViolation(f"stage {stage.name} has no requests or no decoding")
        requests = [
            Request(line["row_id"], tuple(line["prompt_ids"]))
            for line in map(json.loads, Path(stage.input).read_text("utf-8").splitlines())
        ]
        decode = answer_decoder(self.job.model.folder)
        with closing(KeptAnswers(Path(stage.output), answers_key(self.job, stage))) as lines:
            reused = len(lines.kept)
            requests = [request for request in requests if request.row_id not in lines.kept]
            open_ids = {request.row_id for request in requests}
            hook = self._evaluator(stage, requests)
            throughput = Throughput()
            for prediction in hook.generate(stage, requests, stage.decoding) if hook else ():
                if prediction.row_id not in open_ids:
                    raise BackendFailed(f"the evaluator answered {prediction.row_id!r} unasked")
                open_ids.remove(prediction.row_id)
                throughput.add(prediction)
                lines.append({**asdict(prediction), "text": decode(prediction.token_ids)})
                done = {"done": reused + throughput.rows, "total": reused + len(requests)}
                self.context.emit("progress", unit="rows", **done)
                if self.context.should_stop():
                    self.stopped = True
                    break
        if open_ids and not self.stopped:
            raise BackendFailed(
                f"the evaluator answered {throughput.rows} of {len(requests)} prompts"
            )
        made = {"predictions": stage.output, "reused": reused, **throughput.summary()}
        return {**made, "rows": reused + throughput.rows}

    def _evaluator(self, stage: Stage, requests: Sequence[Request]) -> Evaluator | None:
        """Return the evaluator with its model loaded; None where no question is left."""
        if not requests:
            return None
        hook = cast(Evaluator, load_hook(self.job.evaluator)(self.context, self.job))
        hook.load(stage)
        return hook

    def _train(self, stage: Stage) -> dict[str, Any]:
        hook = cast(Trainer, load_hook(self.job.trainer)(self.context, self.job))
        outcome = hook.train(stage)
        if self.context.ranks.rank == 0:
            write_json(outcome.effective, Path(self.job.folder) / "engine_config.json")
        self.stopped = self.stopped or outcome.stopped
        return {
            "adapter": str(outcome.adapter),
            "steps": outcome.steps,
            "first_step": self.job.first_step,
            "best": str(outcome.best) if outcome.best else None,
            "last": str(outcome.last) if outcome.last else None,
            **outcome.summary,
        }

    def _export(self, stage: Stage) -> dict[str, Any]:
        hook = cast(Exporter, load_hook(self.job.exporter)(self.context, self.job))
        return hook.export(stage, stage.options["formats"])


def answer_decoder(folder: str) -> Any:
    """Return a function from token ids to text, special tokens left out."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))

    def decode(ids: tuple[int, ...]) -> str:
        text: str = tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    return decode
