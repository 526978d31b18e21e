"""The declaration of the ms-swift backend; imports nothing of the engine."""

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
    "train.loss=engine": Capability(
        "exact", "ms-swift's own loss: each batch's mean, weighted by its share of the tokens"
    ),
}


@hookimpl
def ft_backends() -> Iterable[BackendSpec]:
    """Declare the backend."""
    yield BackendSpec(
        name="swift",
        summary="PEFT adapters trained with ms-swift's SwiftSft pipeline",
        hook_api=HOOK_API,
        version=VERSION,
        package=PACKAGE,
        environment=EnvironmentSpec(
            name="swift",
            version=VERSION,
            lock=PACKAGE / "locks" / "lock.txt",
            torch="2.13.0",
            requires_python=">=3.11,<3.14",
            imports=("torch", "transformers", "peft", "swift.pipelines.train.sft", "datasets"),
        ),
        trainer="ft_swift.worker:SwiftTrainer",
        evaluator="ft_swift.worker:SwiftEvaluator",
        exporter="ft_swift.worker:SwiftExporter",
        capabilities=CAPABILITIES,
    )
