"""The declaration of the TRL backend; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ftcore.backends import EXACT, BackendSpec, Capability, EngineOptions, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl
from ftcore.transformers_backend import (
    FT_LOADS,
    FT_READS_ROWS,
    TRANSFORMERS_ARGUMENTS,
    TRANSFORMERS_TRAINER,
    decided,
)

VERSION = "0.1.0"
PACKAGE = Path(__file__).parent

CAPABILITIES = {
    **TRANSFORMERS_TRAINER,
    "train.loss=engine": Capability("exact", "TRL's fused language-model head"),
    "train.method=prompt_tuning": EXACT,
    "train.method=prefix_tuning": EXACT,
    "train.prompt.virtual_tokens": EXACT,
}

DECIDED = {
    **TRANSFORMERS_ARGUMENTS,
    **decided(
        {
            "data.max_length": "max_length",
            "data.overlong": "truncation_mode",
            "data.supervise": "completion_only_loss assistant_only_loss",
            "train.loss": "loss_type",
            "train.packing": "packing packing_strategy eval_packing padding_free",
            "train.padding_multiple": "pad_to_multiple_of",
            "train.shuffle": "shuffle_dataset",
            FT_LOADS: "model_init_kwargs chat_template_path eos_token pad_token",
            FT_READS_ROWS: "dataset_kwargs dataset_text_field dataset_num_proc",
        }
    ),
}


@hookimpl
def ft_backends() -> Iterable[BackendSpec]:
    """Declare the backend."""
    yield BackendSpec(
        name="trl",
        summary="PEFT adapters trained with TRL's SFTTrainer",
        hook_api=HOOK_API,
        version=VERSION,
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="trl",
            version=VERSION,
            lock=PACKAGE / "locks" / "lock.txt",
            torch="2.13.0",
            requires_python=">=3.11,<3.14",
            imports=("torch", "transformers", "peft", "trl", "datasets", "accelerate"),
        ),
        trainer="ft_trl.worker:TrlTrainer",
        evaluator="ft_trl.worker:TrlEvaluator",
        exporter="ft_trl.worker:TrlExporter",
        native_evaluator="ft_trl.native:TrlNativeEvaluator",
        capabilities=CAPABILITIES,
        options=EngineOptions(PACKAGE / "arguments.json", DECIDED),
    )
