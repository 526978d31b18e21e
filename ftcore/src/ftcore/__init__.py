"""ft: one recipe, any engine, provably the same training problem.

Everything below is imported when it is first used; ``import ftcore`` itself imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftcore._version import __version__

if TYPE_CHECKING:
    from ftcore.comparison_result import ComparisonPlan, ComparisonResult
    from ftcore.engine.plan import Plan
    from ftcore.errors import (
        BackendFailed,
        BuildError,
        ClusterError,
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
        ResumeError,
        RunLocked,
        RunNotFound,
        UnsupportedError,
        WorkerCrashed,
    )
    from ftcore.face import (
        join,
        plan,
        preview,
        resume,
        run,
    )
    from ftcore.face_compare import compare, plan_comparison
    from ftcore.face_evaluate import evaluate, judge_report
    from ftcore.face_parity import parity, verify_parity
    from ftcore.judging.report import JudgeReport
    from ftcore.recipe.loading import LoadedRecipe, load_recipe
    from ftcore.recipe.schema import Recipe
    from ftcore.results import EvaluationResult, ParityResult, RunResult

__all__ = [
    "BackendFailed",
    "BuildError",
    "ClusterError",
    "ComparisonPlan",
    "ComparisonResult",
    "DataError",
    "DiskFull",
    "EffectiveConfigMismatch",
    "EvaluationResult",
    "FtError",
    "GateFailed",
    "GuaranteeError",
    "InputError",
    "JudgeReport",
    "LoadedRecipe",
    "MachineError",
    "ModelError",
    "OutOfMemory",
    "ParityResult",
    "Plan",
    "PluginError",
    "Problem",
    "ProtocolViolation",
    "ReceiptMismatch",
    "Recipe",
    "RecipeError",
    "ResumeError",
    "RunLocked",
    "RunNotFound",
    "RunResult",
    "UnsupportedError",
    "WorkerCrashed",
    "__version__",
    "compare",
    "evaluate",
    "join",
    "judge_report",
    "load_recipe",
    "parity",
    "plan",
    "plan_comparison",
    "preview",
    "resume",
    "run",
    "verify_parity",
]

# Where the names come from that are not errors.
_HOMES = {
    "ComparisonPlan": "ftcore.comparison_result",
    "ComparisonResult": "ftcore.comparison_result",
    "EvaluationResult": "ftcore.results",
    "JudgeReport": "ftcore.judging.report",
    "LoadedRecipe": "ftcore.recipe.loading",
    "ParityResult": "ftcore.results",
    "Plan": "ftcore.engine.plan",
    "Recipe": "ftcore.recipe.schema",
    "RunResult": "ftcore.results",
    "compare": "ftcore.face_compare",
    "evaluate": "ftcore.face_evaluate",
    "join": "ftcore.face",
    "judge_report": "ftcore.face_evaluate",
    "load_recipe": "ftcore.recipe.loading",
    "parity": "ftcore.face_parity",
    "plan": "ftcore.face",
    "plan_comparison": "ftcore.face_compare",
    "preview": "ftcore.face",
    "resume": "ftcore.face",
    "run": "ftcore.face",
    "verify_parity": "ftcore.face_parity",
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
