"""The hooks of ft: what a plugin may implement (pluggy, project name ``ft``).

A plugin is a module that a distribution names in the entry-point group ``ft``::

    [project.entry-points.ft]
    my-engine = "ft_my_engine.plugin"

It imports the standard library and ftcore only, marks its functions with `hookimpl`, and may leave
out arguments that it has no use for. Adding an argument to a hook is compatible; `HOOK_API` counts
the changes that are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

from ftcore.backends import BackendSpec
from ftcore.errors import FtError, Problem

if TYPE_CHECKING:
    from ftcore.data.cleaning.base import Step
    from ftcore.data.formats.base import Format
    from ftcore.evaluation.metric import Metric
    from ftcore.protocol import Event
    from ftcore.recipe.schema import Recipe

PROJECT = "ft"
HOOK_API = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def ft_backends() -> Iterable[BackendSpec]:  # type: ignore[empty-body]
    """Return the backends that this plugin brings; nothing of an engine is imported here.

    Write ``hook_api`` as a number: it says which contract the plugin was written for.

    Example::

        from pathlib import Path

        from ftcore.backends import EXACT, BackendSpec, EnvironmentSpec
        from ftcore.hookspecs import hookimpl

        @hookimpl
        def ft_backends():
            package = Path("ft_my_engine").resolve()
            environment = EnvironmentSpec(
                name="my-engine", version="1.0", lock=package / "locks" / "requirements.txt",
                torch="2.13.0", requires_python=">=3.11", imports=("torch", "my_engine"),
            )
            yield BackendSpec(
                name="my-engine", summary="Trains with my engine.", hook_api=1, version="0.1.0",
                package=package, environment=environment,
                trainer="ft_my_engine.worker:MyTrainer",
                evaluator="ft_my_engine.worker:MyEvaluator",
                exporter="ft_my_engine.worker:MyExporter",
                capabilities={"train.learning_rate": EXACT, "train.method=lora": EXACT},
            )
    """


@hookspec
def ft_data_formats() -> Iterable[Format]:  # type: ignore[empty-body]
    """Return readers of row formats; a recipe chooses one by ``data.format``.

    Example::

        from ftcore.data.formats import Format, RowProblem
        from ftcore.hookspecs import hookimpl
        from ftcore.rendering.messages import Message

        class Riddles(Format):
            name = "riddles"
            describe = "records with `riddle` and `solution`"
            columns = ("riddle", "solution")

            def matches(self, record):
                return "has a riddle" if "riddle" in record else None

            def read(self, record, options):
                if not record.get("solution"):
                    raise RowProblem("solution", "is missing", "give every riddle its solution")
                question = Message("user", record["riddle"])
                answer = Message("assistant", record["solution"])
                return (question, answer), self.other_fields(record)

        @hookimpl
        def ft_data_formats():
            return [Riddles()]
    """


@hookspec
def ft_cleaning_steps() -> Iterable[type[Step]]:  # type: ignore[empty-body]
    """Return cleaning or augmentation steps; a recipe asks for them under ``[[data.clean]]``.

    A step sees one row after the other and says what stands in its place; ft counts what it did.
    ``Options`` is a frozen dataclass, whose fields a recipe sets under ``options``.

    Example::

        from dataclasses import dataclass

        from ftcore.data.cleaning import Removed, Step
        from ftcore.hookspecs import hookimpl

        @dataclass(frozen=True)
        class Words:
            unwanted: tuple[str, ...] = ("lorem ipsum",)

        class DropWords(Step):
            name = "drop_words"
            describe = "no row whose answer holds an unwanted word"
            Options = Words

            def row(self, row):
                for word in self.options.unwanted:
                    if word in row.reference:
                        return Removed(f"the answer holds {word!r}")
                return (row,)

        @hookimpl
        def ft_cleaning_steps():
            return [DropWords]
    """


@hookspec
def ft_metrics() -> Iterable[type[Metric]]:  # type: ignore[empty-body]
    """Return metrics; a recipe names them in ``evaluation.metrics``.

    Example::

        from ftcore.evaluation.metric import MeanMetric
        from ftcore.hookspecs import hookimpl

        class Brevity(MeanMetric):
            name = "brevity"
            title = "Answers no longer than the reference"
            definition = "Share of answers with at most the reference's characters. Source: here."

            def row_score(self, example, context):
                return float(len(example.prediction) <= len(example.reference))

        @hookimpl
        def ft_metrics():
            return [Brevity]
    """


@hookspec
def ft_recipe_problems(recipe: Recipe) -> Iterable[Problem]:  # type: ignore[empty-body]
    """Return what is wrong with a recipe in the eyes of this plugin, before any compute.

    ``field`` is the dotted field; ft fills in the line where it is written.

    Example::

        from ftcore.errors import Problem
        from ftcore.hookspecs import hookimpl

        @hookimpl
        def ft_recipe_problems(recipe):
            if recipe.train.lora.rank > 256:
                yield Problem("is above our house's limit of 256", field="train.lora.rank",
                              fix="use rank 16", code="my-house.rank")
    """


@hookspec
def ft_run_event(run: Path, event: Event) -> None:
    """Follow a run: called in the parent for every event of the worker, in order.

    ``run`` is the run directory. An observer that raises is reported and called no more; the run
    goes on.

    Example::

        from ftcore.hookspecs import hookimpl

        @hookimpl
        def ft_run_event(run, event):
            if event.type == "metric":
                with (run / "my-losses.txt").open("a") as file:
                    file.write(f"{event.data.get('step')} {event.data.get('loss')}\\n")
    """


@hookspec
def ft_error_hints(error: FtError) -> Iterable[str]:  # type: ignore[empty-body]
    """Return further things to try for an error, each one sentence; ``error.code`` is stable.

    Example::

        from ftcore.hookspecs import hookimpl

        @hookimpl
        def ft_error_hints(error):
            if error.code == "machine.disk":
                return ["our machines have room under /scratch"]
            return []
    """
