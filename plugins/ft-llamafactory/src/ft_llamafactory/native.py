"""Answers with LLaMA-Factory's own prediction, on ft's prompts and explicit decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from ft_llamafactory import worker

# What LLaMA-Factory imports has been made ready by the worker's module, so it comes after that.
ATTENTION, UNREAD = worker.ATTENTION, worker.UNREAD

from llamafactory.train.sft import workflow  # noqa: E402
from llamafactory.train.sft.trainer import CustomSeq2SeqTrainer  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402

from ftcore.backends import Evaluator, Prediction, Request  # noqa: E402
from ftcore.protocol import Decoding, Stage  # noqa: E402
from ftcore.worker.kv_cache import left_padded  # noqa: E402
from ftcore.worker.native import (  # noqa: E402
    cut,
    decoding_fields,
    generation_config,
    native_batches,
    shown_model,
)


class Predictor(CustomSeq2SeqTrainer):  # type: ignore[misc]
    """LLaMA-Factory's trainer, kept when its workflow is done with it, then asked by batches.

    Its workflow for prediction answers all rows before any is seen, and wants packages for scoring
    that ft does not need; the one for evaluation makes the same trainer.
    """

    last: ClassVar[Predictor]

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Measure nothing: the workflow has made everything ready."""
        type(self).last = self
        self.args.predict_with_generate = True
        return {"eval_rows": 0}

    def answers(self, requests: Sequence[Request], decoding: Decoding) -> list[list[int]]:
        """Return the new tokens of each request, padded."""
        self.args.per_device_eval_batch_size = len(requests)
        # Nothing of the model's own defaults is left to fill a gap.
        self.model.generation_config = generation_config(decoding)
        rows = [{"prompt": request.prompt_ids} for request in requests]
        found = self.predict(rows, **decoding_fields(decoding)).predictions
        longest = max(len(request.prompt_ids) for request in requests)
        new: list[list[int]] = found[:, longest : longest + decoding.max_new_tokens].tolist()
        return new


class LlamaFactoryNativeEvaluator(Evaluator):
    """Answers with the prediction of LLaMA-Factory's supervised fine-tuning workflow."""

    def load(self, stage: Stage) -> None:
        """Have the workflow load the model and merge the adapter into it."""
        workflow.CustomSeq2SeqTrainer = Predictor
        workflow.get_dataset = _no_rows
        workflow.SFTDataCollatorWith4DAttentionMask = self._collator
        run_exp(self.arguments(stage))
        self.predictor = Predictor.last

    def arguments(self, stage: Stage) -> dict[str, Any]:
        """Return LLaMA-Factory's arguments for a model that answers."""
        model = self.job.model
        shown, adapter = shown_model(self.job, stage)
        arguments = {
            "model_name_or_path": str(shown),
            "adapter_name_or_path": adapter,
            "trust_remote_code": model.trust_remote_code,
            "flash_attn": ATTENTION[model.attention],
            "infer_dtype": model.dtype,
            "stage": "sft",
            "finetuning_type": "lora" if adapter else "full",
            "do_eval": True,
            "template": "empty",
            "eval_dataset": UNREAD,
            "output_dir": str(Path(self.job.folder) / f"native_{stage.name}" / "written"),
            "use_cpu": self.job.device == "cpu",
            "bf16": False,
            "fp16": False,
            "report_to": "none",
            "disable_tqdm": True,
            "remove_unused_columns": False,
            "seed": self.job.settings.seed,
            **worker.quantization(model),
        }
        return {key: value for key, value in arguments.items() if value is not None}

    def _collator(self, **kwargs: Any) -> Any:
        pad_id = self.job.settings.pad_id

        def collate(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
            ids, mask = left_padded([row["prompt"] for row in rows], pad_id, "cpu")
            return {"input_ids": ids, "attention_mask": mask}

        return collate

    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield predictions batch by batch."""
        import torch

        torch.manual_seed(decoding.seed)
        for batch in native_batches(requests, decoding):
            found = self.predictor.answers(batch.requests, decoding)
            for request, answer in zip(batch.requests, found, strict=True):
                yield cut(request.row_id, answer, decoding)


def _no_rows(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"eval_dataset": [{"prompt": ()}]}
