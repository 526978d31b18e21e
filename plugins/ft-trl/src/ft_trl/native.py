"""Answers as TRL does where it generates: with transformers' own ``generate``."""

from __future__ import annotations

from ftcore.worker.native import TransformersEvaluator


class TrlNativeEvaluator(TransformersEvaluator):
    """TRL has no inference of its own for a trained model but transformers' ``generate``."""
