"""What evaluators share that let an engine's own inference answer: explicit decoding, batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftcore.backends import Evaluator, Prediction, Request
from ftcore.protocol import Decoding, Job, Stage
from ftcore.worker.batching import Batch, plan_batches
from ftcore.worker.exporter import TOKENIZER_FILES
from ftcore.worker.loading import load_for_generation, without_adapter
from ftcore.worker.model_view import model_view


def decoding_fields(decoding: Decoding) -> dict[str, Any]:
    """Return every field of transformers' generation that decides an answer, none left open."""
    fields: dict[str, Any] = {
        "max_new_tokens": decoding.max_new_tokens,
        "min_new_tokens": 0,
        "do_sample": decoding.do_sample,
        "num_beams": 1,
        "num_return_sequences": 1,
        "repetition_penalty": decoding.repetition_penalty,
        "eos_token_id": list(decoding.stop_ids),
        "pad_token_id": decoding.pad_id,
        "use_cache": True,
    }
    if decoding.do_sample:
        fields |= {
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "top_k": decoding.top_k,
        }
    return fields


def generation_config(decoding: Decoding) -> Any:
    """Return transformers' configuration with nothing left to the model's own defaults."""
    from transformers import GenerationConfig

    return GenerationConfig(**decoding_fields(decoding))


def shown_model(job: Job, stage: Stage) -> tuple[Path, str | None]:
    """Return a whole model folder for an engine's own loader, and the adapter if there is one.

    A model that was trained in place has no tokenizer beside it; it gets the base's.
    """
    model, adapter = without_adapter(job.model, stage.adapter)
    target = Path(job.folder) / f"native_{stage.name}" / "model"
    shown = model_view(model, target)
    if adapter is None and stage.adapter is not None:
        target.mkdir(parents=True, exist_ok=True)
        files = [*shown.iterdir(), *Path(job.model.folder).iterdir()]
        for source in files:
            link = target / source.name
            if source.is_file() and not link.exists() and _is_shown(source, shown):
                link.symlink_to(source.resolve())
        shown = target
    return shown, adapter


def _is_shown(source: Path, shown: Path) -> bool:
    return source.parent == shown or source.name in TOKENIZER_FILES


def native_batches(requests: Sequence[Request], decoding: Decoding) -> list[Batch]:
    """Return batches for engines that take whole prompts, padded on the left."""
    return plan_batches(
        requests,
        common=0,
        budget=decoding.max_batch_tokens,
        new_tokens=decoding.max_new_tokens,
    )


def cut(row_id: str, answer: Sequence[int], decoding: Decoding) -> Prediction:
    """Return the answer up to its first stop token; what follows it is padding."""
    stops = set(decoding.stop_ids)
    for index, token in enumerate(answer):
        if token in stops:
            return Prediction(row_id, tuple(answer[:index]), "stop")
    return Prediction(row_id, tuple(answer), "length")


class TransformersEvaluator(Evaluator):
    """Answers with transformers' own ``generate``, for engines that have no inference besides."""

    def load(self, stage: Stage) -> None:
        """Load the model and the stage's adapter."""
        self.network = load_for_generation(self.job.model, stage.adapter, self.job.device)

    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield predictions batch by batch."""
        import torch

        from ftcore.worker.kv_cache import left_padded

        config = generation_config(decoding)
        torch.manual_seed(decoding.seed)
        for batch in native_batches(requests, decoding):
            prompts = [request.prompt_ids for request in batch.requests]
            ids, mask = left_padded(prompts, decoding.pad_id, self.network.device)
            with torch.inference_mode():
                output = self.network.generate(
                    input_ids=ids, attention_mask=mask, generation_config=config
                )
            answers = output[:, ids.shape[1] :].tolist()
            for request, answer in zip(batch.requests, answers, strict=True):
                yield cut(request.row_id, answer, decoding)
