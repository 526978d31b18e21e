"""The declarations: one backend a mistake, all in TRL's environment."""

from dataclasses import replace
from pathlib import Path

import ft_trl.plugin
from ftcore.hookspecs import hookimpl

PACKAGE = Path(__file__).parent
# Backend -> the class of `ft_planted.worker` that trains.
PLANTED = {
    "weight_decay": "WeightDecay",
    "end_of_turn": "EndOfTurn",
    "newline": "Newline",
    "system_prompt": "SystemPrompt",
    "beta2": "Beta2",
    "cosine": "Cosine",
    "mean_of_means": "MeanOfMeans",
    "truncated": "Truncated",
    "shuffled": "Shuffled",
    "bf16": "Bf16",
    "unclipped": "Unclipped",
    "hidden_decay": "HiddenDecay",
    "two_at_once": "TwoAtOnce",
    "noise": "Noise",
}


@hookimpl
def ft_backends():
    """Declare each of them as TRL declares itself."""
    (trl,) = ft_trl.plugin.ft_backends()
    for name, trainer in PLANTED.items():
        yield replace(
            trl,
            name=name,
            summary=f"plants {name}",
            package=PACKAGE,
            trainer=f"ft_planted.worker:{trainer}",
            evaluator="ft_planted.worker:Answers",
            exporter="ft_planted.worker:Exports",
        )
