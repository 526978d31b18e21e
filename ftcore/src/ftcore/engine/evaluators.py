"""Which evaluator answers: ft's shared generator, or the engine's own inference where asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ftcore.backends import BackendSpec
from ftcore.engine.prepare import Prepared
from ftcore.errors import UnsupportedError

NATIVE = "native"
SHARED = "shared"


def evaluator_hook(spec: BackendSpec, asked: str | None, all_specs: Iterable[BackendSpec]) -> str:
    """Return the class that answers, as ``package.module:Class``.

    ``asked`` is None, "shared" or "native"; `UnsupportedError` for what ``spec`` does not declare.
    """
    if asked in (None, SHARED):
        return spec.evaluator
    if asked == NATIVE and spec.native_evaluator is not None:
        return spec.native_evaluator
    able = sorted(other.name for other in all_specs if other.native_evaluator is not None)
    if asked != NATIVE:
        hint = f"it is {SHARED} (ft's generator, the default) or {NATIVE} (the engine's own)"
    elif able:
        hint = f"backends that have one: {', '.join(able)}; or leave it out for ft's generator"
    else:
        hint = "leave it out: ft's shared generator answers"
    what = "no native evaluator" if asked == NATIVE else f"no evaluator {asked!r}"
    raise UnsupportedError(
        f"backend {spec.name} declares {what}",
        hint=hint,
        code="unsupported.evaluator",
        details={"backends": able},
    )


def with_evaluator(prepared: Prepared, asked: str | None) -> Prepared:
    """Return the same run with its plan saying who answers, where that is not ft's generator."""
    if asked != NATIVE:
        return prepared
    evaluation = {**prepared.plan.evaluation, "evaluator": NATIVE}
    return replace(prepared, plan=replace(prepared.plan, evaluation=evaluation))
