"""Cleaning and augmentation: named steps that a recipe asks for, one file a kind."""

from ftcore.data.cleaning.base import NoOptions, Quoting, Removed, Step, StepContext, TextStep
from ftcore.data.cleaning.registry import choose_steps, get_step, register_step, steps
from ftcore.data.cleaning.run import ChosenStep, StepCount, clean

__all__ = [
    "ChosenStep",
    "NoOptions",
    "Quoting",
    "Removed",
    "Step",
    "StepContext",
    "StepCount",
    "TextStep",
    "choose_steps",
    "clean",
    "get_step",
    "register_step",
    "steps",
]
