"""Answers with ms-swift's own `TransformersEngine`, on ft's prompts and explicit decoding."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

# Read while ms-swift is imported: its other hub would be asked for models otherwise.
os.environ["USE_HF"] = "1"

import torch
from swift.infer_engine import InferRequest, RequestConfig, TransformersEngine
from swift.infer_engine.transformers_engine import _GenerationConfig
from swift.template import Template, TemplateMeta
from swift.template.template_inputs import StdTemplateInputs

from ft_swift.model_type import model_type
from ft_swift.worker import TEMPLATE
from ftcore.backends import Evaluator, Prediction, Request
from ftcore.protocol import Decoding, Stage
from ftcore.worker.native import cut, decoding_fields, native_batches, shown_model
from ftcore.worker.quantized import quantization_config

# Nothing around a prompt: it comes as token ids.
NOTHING_ADDED = TemplateMeta("ft", prefix=[], prompt=["{{QUERY}}"], chat_sep=None, suffix=[])


class PromptIds(Template):  # type: ignore[misc]
    """A template that takes prompts as they are: token ids, by their number."""

    prompts: Sequence[tuple[int, ...]] = ()

    def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the ids of the prompt whose number is the request's only message."""
        ids = list(self.prompts[int(inputs.messages[0]["content"])])
        return {"input_ids": ids, "template_inputs": StdTemplateInputs(inputs.messages)}

    def decode_generate_ids(self, *args: Any, **kwargs: Any) -> str:
        """Leave the text to ft, which takes the ids."""
        return ""


class ExplicitEngine(TransformersEngine):  # type: ignore[misc]
    """ms-swift's engine with decoding that no default of its or the model's decides."""

    ft_decoding: Decoding

    def _prepare_generation_config(self, request_config: RequestConfig) -> Any:
        return _GenerationConfig(return_dict_in_generate=True, **decoding_fields(self.ft_decoding))

    def _add_stop_words(self, generation_config: Any, request_config: RequestConfig) -> None:
        generation_config.stop_words = []


class SwiftNativeEvaluator(Evaluator):
    """Answers with ms-swift's own inference."""

    def load(self, stage: Stage) -> None:
        """Load model and adapter with ms-swift's own loader."""
        model = self.job.model
        shown, adapter = shown_model(self.job, stage)
        self.engine = ExplicitEngine(
            str(shown),
            adapters=[adapter] if adapter else [],
            model_type=model_type(shown),
            torch_dtype=getattr(torch, model.dtype),
            attn_impl=model.attention,
            device_map=self.job.device,
            quantization_config=quantization_config(model, model.dtype),
            template_type=TEMPLATE,
            use_hf=True,
            max_batch_size=0,
        )
        self.template = PromptIds(self.engine.tokenizer, NOTHING_ADDED)
        self.engine.template = self.template

    def generate(
        self, stage: Stage, requests: Sequence[Request], decoding: Decoding
    ) -> Iterator[Prediction]:
        """Yield predictions batch by batch."""
        self.engine.ft_decoding = decoding
        torch.manual_seed(decoding.seed)
        asked = RequestConfig(max_tokens=decoding.max_new_tokens, return_details=True)
        for batch in native_batches(requests, decoding):
            self.template.prompts = [request.prompt_ids for request in batch.requests]
            numbers = [
                InferRequest(messages=[{"role": "user", "content": str(number)}])
                for number in range(len(batch.requests))
            ]
            found = self.engine.infer(numbers, asked, use_tqdm=False)
            for request, response in zip(batch.requests, found, strict=True):
                yield _prediction(request.row_id, response.choices[0].token_ids, decoding)


def _prediction(row_id: str, ids: Sequence[int], decoding: Decoding) -> Prediction:
    """ms-swift takes padding out, and with it the stop token where that pads."""
    short = len(ids) < decoding.max_new_tokens
    return cut(row_id, [*ids, *decoding.stop_ids[:1]] if short else ids, decoding)
