"""Cleaning and augmentation: named steps that a recipe asks for, one file a kind."""

from ftcore.data.cleaning.base import NoOptions, Removed, Step, StepContext, TextStep
from ftcore.data.cleaning.registry import choose_steps, get_step, register_step, steps
from ftcore.data.cleaning.run import Cleaned, StepCount, run_steps

__all__ = [
    "Cleaned",
    "NoOptions",
    "Removed",
    "Step",
    "StepContext",
    "StepCount",
    "TextStep",
    "choose_steps",
    "get_step",
    "register_step",
    "run_steps",
    "steps",
]
