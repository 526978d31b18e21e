"""Every command with its one-line help and the module it lives in; nothing of them is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """A command: ``module`` holds it under the name ``command``."""

    module: str
    help: str


@dataclass(frozen=True, slots=True)
class Group:
    """Commands under one name; ``default`` is the one that is meant where none is named."""

    help: str
    commands: Mapping[str, Command]
    default: str | None = None


TABLE: Mapping[str, Command | Group] = {
    "run": Command("run", "Train and evaluate, as a recipe says."),
    "join": Command("join", "Take part in a run that waits for this machine."),
    "eval": Command("evaluate", "Answer a recipe's test rows again and score them."),
    "judge": Command("judge", "Vote on pairs of answers, or let a model vote."),
    "compare": Command("compare", "Compare backends, settings, models or runs."),
    "parity": Group(
        "Certify that backends train the same: `ft parity RECIPE`.",
        {
            "check": Command("parity", "Train a recipe's first steps on each backend and compare."),
            "verify": Command("parity_verify", "Train a certificate anew and confirm it."),
        },
        default="check",
    ),
    "report": Command("report", "Write a run's report anew."),
    "runs": Group(
        "Look at runs, or remove them.",
        {
            "list": Command("runs_list", "List the runs, newest first."),
            "show": Command("runs_show", "Show how a run stands and what came out."),
            "remove": Command("runs_remove", "Delete run directories."),
        },
    ),
    "recipe": Group(
        "Start, check and show recipes.",
        {
            "new": Command("recipe_new", "Copy a shipped recipe, or start one from your rows."),
            "validate": Command("recipe_validate", "Check a recipe; every problem at once."),
            "show": Command("recipe_show", "Print a recipe with every field written out."),
            "schema": Command("recipe_schema", "Print the JSON Schema of recipes, for editors."),
        },
    ),
    "data": Group(
        "Look at rows before training on them.",
        {
            "check": Command("data_check", "Check rows and report everything odd about them."),
            "preview": Command("data_preview", "Show rows as the model sees them."),
        },
    ),
    "backends": Group(
        "Backends and the environments they run in.",
        {
            "list": Command("backends_list", "List the backends and their plugins."),
            "show": Command("backends_show", "Show what a backend can do, field by field."),
            "install": Command("backends_install", "Build a backend's environment now."),
            "remove": Command("backends_remove", "Remove a backend's environments."),
        },
    ),
    "doctor": Command("doctor", "Check this machine and what is installed."),
    "completion": Command("completion", "Print the script that completes ft in your shell."),
}
