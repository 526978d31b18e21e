"""The recipe: every key that a recipe file may hold, with its type, default and unit.

Unknown keys are refused everywhere. Paths are kept as written; they resolve against the folder of
the recipe file. Defaults are the ones that ft hands to every engine: no default of an engine ever
decides anything.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ftcore.recipe.evaluation_schema import EvaluationSection
from ftcore.recipe.section import Section
from ftcore.recipe.train_schema import TrainSection

RECIPE_VERSION: Literal[1] = 1
Text = Annotated[str, Field(min_length=1)]
ExportFormat = Literal["adapter", "merged", "gguf"]
ADAPTER: ExportFormat = "adapter"


class ModelSection(Section):
    """Which model is trained, and how its weights are held."""

    id: Text = Field(description="An alias, a local folder, or a hub id `owner/name`.")
    revision: str | None = Field(None, description="Branch, tag or commit on the hub.")
    source: Literal["auto", "huggingface", "modelscope"] = Field(
        "auto", description="Where a hub id is looked up."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Type of the frozen weights in memory; `auto` follows `train.precision`.",
    )
    quantization: Literal["none", "8bit", "4bit"] = Field(
        "none", description="Hold the frozen weights quantised (QLoRA)."
    )
    attention: Literal["sdpa", "eager"] = Field("sdpa", description="Attention implementation.")
    trust_remote_code: bool = Field(
        False, description="Run Python code that the model's repository brings along."
    )


class NerFormat(Section):
    """How NER records become conversations (`data.format = "ner"`)."""

    labels: list[str] = Field(
        default_factory=lambda: ["PER", "ORG", "GPE", "LOC"],
        description="The label list; a record's label or one of its synonyms must be in it.",
    )
    instruction: str = Field(
        "Extract the named entities from the text. Labels: {labels}. Reply with one JSON object "
        'per line: {{"entity_text": ..., "entity_label": ...}}. If there is none, reply: {none}',
        description="System prompt; `{labels}` and `{none}` are filled in.",
    )
    prompt: str = Field("{text}", description="User turn; `{text}` is filled in.")
    none: str = Field("No entities.", description="The completion of a text without entities.")


class AlpacaFormat(Section):
    """How Alpaca records are read (`data.format = "alpaca"`)."""

    reading: Literal["role_play", "task"] = Field(
        "task",
        description="`role_play`: instruction is the system prompt and input the user's words; "
        "`task`: instruction, then input, are the user's words.",
    )


class SplitSection(Section):
    """Parts of the training rows that are held out, decided by a hash of each row's content."""

    validation: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the rows of `data.train` held out for validation loss."
    )
    test: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the rows of `data.train` held out for evaluation."
    )
    group: str | None = Field(None, description="Rows with one value of this field stay together.")
    stratify: str | None = Field(None, description="Keep the shares for each value of this field.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Seed of the hash.")


class CleaningStep(Section):
    """One cleaning or augmentation step; the rows of `data.train` pass it before the next one."""

    name: Text = Field(description="Name of a registered step.")
    options: dict[str, Any] = Field(default_factory=dict, description="The step's options.")


class WeightedSource(Section):
    """A source of rows with its weight."""

    path: Text = Field(description="File, folder, glob, or `hf://` / `ms://` address.")
    weight: Annotated[float, Field(gt=0)] = Field(
        1.0,
        description="How often each row of this source is seen per epoch; below 1, that share of "
        "its rows.",
    )


Sources = Text | list[Text | WeightedSource]
SomeSources = Text | Annotated[list[Text | WeightedSource], Field(min_length=1)]
# An empty list takes the rows away again, which a profile may want.
OptionalSources = Text | list[Text | WeightedSource] | None


class DataSection(Section):
    """Where the rows are, how they are read, rendered and split."""

    train: SomeSources = Field(description="File, folder, glob or address, or a list of them.")
    validation: OptionalSources = Field(None, description="Rows for validation loss.")
    test: OptionalSources = Field(None, description="Rows for evaluation; never trained on.")
    format: str = Field(
        "auto", description="Name of a registered format; `auto` decides from the rows."
    )
    test_format: str | None = Field(
        None, description="Format of `validation` and `test` where it differs from `format`."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="Column mapping: the format's name -> the file's name."
    )
    system: str | None = Field(
        None,
        description="System prompt for rows that have none; unset keeps the template's default.",
    )
    limit: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Use at most this many training rows (the first ones in hash order)."
    )
    max_length: Annotated[int, Field(gt=0)] = Field(
        1024, description="Longest row, in tokens, markup included."
    )
    overlong: Literal["error", "drop", "truncate_prompt"] = Field(
        "error", description="What happens to a longer row; its answer is never cut."
    )
    allow_lost: Annotated[float, Field(ge=0, le=1)] = Field(
        0.01, description="Share of rows that may be dropped or cut before the run is refused."
    )
    supervise: Literal["all", "last"] = Field(
        "all", description="Which assistant turns are supervised."
    )
    split: SplitSection = SplitSection()
    ner: NerFormat = NerFormat()
    alpaca: AlpacaFormat = AlpacaFormat()
    clean: list[CleaningStep] = Field(
        default_factory=list, description="Cleaning and augmentation steps, in order."
    )


class ExportSection(Section):
    """What is written for use outside ft."""

    formats: list[ExportFormat] = Field(
        default_factory=lambda: [ADAPTER], description="What to write under `exports/`."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Type of merged weights; `auto` is the base model's."
    )
    verify: Annotated[int, Field(ge=0)] = Field(
        4, description="Prompts on which the merged model must answer as the adapter does."
    )


class LaunchSection(Section):
    """On what the training runs, and with how many processes."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Accelerator.")
    processes: Annotated[int, Field(gt=0)] = Field(1, description="Processes on each machine.")
    nodes: Annotated[int, Field(gt=0)] = Field(
        1, description="Machines; all but the first take part by `ft join`."
    )
    strategy: Literal["none", "ddp", "fsdp", "zero1", "zero2", "zero3"] = Field(
        "none", description="How several processes share the work."
    )
    threads: Annotated[int, Field(gt=0)] | None = Field(
        None, description="CPU threads of each process; unset takes every core."
    )


class TrackSection(Section):
    """Experiment trackers that follow the run."""

    trackers: list[str] = Field(default_factory=list, description="Names of registered trackers.")


class Recipe(Section):
    """One fine-tuning job: model, data, training, evaluation, export."""

    ft: Literal[1] = Field(RECIPE_VERSION, description="Version of the recipe format.")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = Field(
        description="Name of the recipe; run directories start with it."
    )
    task: Literal["sql", "ner", "qa", "chat", "general"] = Field(
        "general", description="Kind of job: decides error analysis and advice."
    )
    description: str = Field("", description="What the recipe teaches, in one sentence.")
    default_backend: str = Field(
        "trl", description="Backend used when the command line names none."
    )
    accept_approximate: list[str] = Field(
        default_factory=list,
        description="Recipe fields whose approximate implementation by a backend is accepted.",
    )
    model: ModelSection
    data: DataSection
    train: TrainSection = TrainSection()
    evaluation: EvaluationSection = EvaluationSection()
    export: ExportSection = ExportSection()
    launch: LaunchSection = LaunchSection()
    track: TrackSection = TrackSection()
    backend: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="Extra options for one backend, `[backend.NAME]`: outside the guarantee.",
    )
