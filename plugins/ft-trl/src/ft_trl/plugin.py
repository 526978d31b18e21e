"""The declaration of the TRL backend; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ftcore.backends import BackendSpec, Capability, EnvironmentSpec
from ftcore.hookspecs import HOOK_API, hookimpl
from ftcore.transformers_backend import TRANSFORMERS_TRAINER

VERSION = "0.1.0"
PACKAGE = Path(__file__).parent

CAPABILITIES = {
    **TRANSFORMERS_TRAINER,
    "train.loss=engine": Capability("exact", "TRL's fused language-model head"),
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
        capabilities=CAPABILITIES,
    )
