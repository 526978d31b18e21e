"""ft: one recipe, any engine, provably the same training problem.

Everything below is imported when it is first used; ``import ftcore`` itself imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftcore._version import __version__

if TYPE_CHECKING:
    from ftcore.engine.plan import Plan
    from ftcore.errors import (
        BackendFailed,
        BuildError,
        DataError,
        DiskFull,
        EffectiveConfigMismatch,
        FtError,
        GateFailed,
        GuaranteeError,
        InputError,
        MachineError,
        ModelError,
        OutOfMemory,
        PluginError,
        Problem,
        ProtocolViolation,
        ReceiptMismatch,
        RecipeError,
        RunLocked,
        RunNotFound,
        UnsupportedError,
        WorkerCrashed,
    )
    from ftcore.face import evaluate, plan, preview, run
    from ftcore.recipe.loading import LoadedRecipe, load_recipe
    from ftcore.recipe.schema import Recipe
    from ftcore.results import EvaluationResult, RunResult

__all__ = [
    "BackendFailed",
    "BuildError",
    "DataError",
    "DiskFull",
    "EffectiveConfigMismatch",
    "EvaluationResult",
    "FtError",
    "GateFailed",
    "GuaranteeError",
    "InputError",
    "LoadedRecipe",
    "MachineError",
    "ModelError",
    "OutOfMemory",
    "Plan",
    "PluginError",
    "Problem",
    "ProtocolViolation",
    "ReceiptMismatch",
    "Recipe",
    "RecipeError",
    "RunLocked",
    "RunNotFound",
    "RunResult",
    "UnsupportedError",
    "WorkerCrashed",
    "__version__",
    "evaluate",
    "load_recipe",
    "plan",
    "preview",
    "run",
]

# Where the names come from that are not errors.
_HOMES = {
    "EvaluationResult": "ftcore.results",
    "LoadedRecipe": "ftcore.recipe.loading",
    "Plan": "ftcore.engine.plan",
    "Recipe": "ftcore.recipe.schema",
    "RunResult": "ftcore.results",
    "evaluate": "ftcore.face",
    "load_recipe": "ftcore.recipe.loading",
    "plan": "ftcore.face",
    "preview": "ftcore.face",
    "run": "ftcore.face",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ftcore' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES.get(name, "ftcore.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
