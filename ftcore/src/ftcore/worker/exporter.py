"""The shared exporter: the adapter as it is, and merged weights that answer as the adapter does."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ftcore.backends import Exporter, Request
from ftcore.errors import GuaranteeError
from ftcore.protocol import Decoding, Stage
from ftcore.worker.generator import generate_all
from ftcore.worker.loading import load_for_generation
from ftcore.worker.memory import release_memory

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
)


class PeftExporter(Exporter):
    """Copies the adapter; merges in float32 with PEFT, saves, reloads and compares answers."""

    def export(self, stage: Stage, formats: Iterable[str]) -> dict[str, Any]:
        """Write ``adapter`` and ``merged`` under ``stage.output``.

        ``stage.options`` holds ``dtype`` (of merged weights) and ``prompts`` (token ids on which
        the merged model must answer as the adapter does, greedily, in float32).
        """
        made: dict[str, Any] = {}
        target = Path(stage.output)
        target.mkdir(parents=True, exist_ok=True)
        for name in formats:
            made[name] = getattr(self, f"_export_{name}")(stage, target / name)
            self.context.emit("artifact", name=f"exports/{name}", path=str(target / name))
        return made

    def _export_adapter(self, stage: Stage, target: Path) -> dict[str, Any]:
        shutil.copytree(_adapter(stage), target, dirs_exist_ok=True)
        return {"path": str(target), "bytes": _size(target)}

    def _export_merged(self, stage: Stage, target: Path) -> dict[str, Any]:
        import torch

        network = load_for_generation(
            self.job.model, _adapter(stage), self.job.device, dtype="float32"
        )
        requests, decoding = _probe(stage)
        expected = _answers(network, requests, decoding)
        merged = network.merge_and_unload() if hasattr(network, "merge_and_unload") else network
        del network
        merged.to(getattr(torch, stage.options["dtype"]))
        merged.save_pretrained(target, safe_serialization=True)
        del merged
        release_memory()
        for name in TOKENIZER_FILES:
            if (Path(self.job.model.folder) / name).exists():
                shutil.copy(Path(self.job.model.folder) / name, target / name)
        found = self._reloaded_answers(target, requests, decoding)
        return {
            "path": str(target),
            "bytes": _size(target),
            "verified_prompts": self._compare(stage, expected, found),
        }

    def _reloaded_answers(
        self, target: Path, requests: list[Request], decoding: Decoding
    ) -> dict[str, tuple[int, ...]]:
        model = replace(self.job.model, folder=str(target), quantization="none")
        network = load_for_generation(model, None, self.job.device, dtype="float32")
        return _answers(network, requests, decoding)

    def _compare(
        self, stage: Stage, expected: dict[str, Any], found: dict[str, Any]
    ) -> dict[str, int]:
        different = [row for row in expected if expected[row] != found[row]]
        if different and stage.options["dtype"] == "float32":
            raise GuaranteeError(
                f"the merged model answers {len(different)} of {len(expected)} prompts differently "
                "from the adapter",
                code="export.merged-differs",
                hint="keep the adapter (export.formats = ['adapter']) and report the model",
            )
        if different:
            self.context.warn(
                f"merged weights in {stage.options['dtype']} answer {len(different)} of "
                f"{len(expected)} prompts differently from the adapter in float32"
            )
        return {"compared": len(expected), "equal": len(expected) - len(different)}


def _adapter(stage: Stage) -> str:
    if stage.adapter is None:
        raise GuaranteeError("there is no adapter to export", code="export.no-adapter")
    return stage.adapter


def _probe(stage: Stage) -> tuple[list[Request], Decoding]:
    if stage.decoding is None:
        raise GuaranteeError("an export stage needs decoding settings", code="export.no-decoding")
    prompts = stage.options["prompts"]
    requests = [Request(str(index), tuple(ids)) for index, ids in enumerate(prompts)]
    return requests, replace(stage.decoding, do_sample=False, max_batch_tokens=1)


def _answers(
    network: Any, requests: list[Request], decoding: Decoding
) -> dict[str, tuple[int, ...]]:
    return {p.row_id: p.token_ids for p in generate_all(network, requests, decoding)}


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
