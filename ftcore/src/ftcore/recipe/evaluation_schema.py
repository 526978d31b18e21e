"""The `[evaluation]` table of a recipe."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ftcore.recipe.section import Section

Count = Annotated[int, Field(gt=0)]


class GenerationSection(Section):
    """Decoding, every field explicit."""

    max_new_tokens: Count = Field(128, description="Longest answer, in tokens.")
    do_sample: bool = Field(False, description="Sample instead of taking the likeliest token.")
    temperature: Annotated[float, Field(gt=0)] = Field(1.0, description="Used when sampling.")
    top_p: Annotated[float, Field(gt=0, le=1)] = Field(1.0, description="Used when sampling.")
    top_k: Annotated[int, Field(ge=0)] = Field(0, description="Used when sampling; 0: all tokens.")
    repetition_penalty: Annotated[float, Field(gt=0)] = Field(
        1.0, description="Divides the logits of tokens seen before (Keskar et al., 2019)."
    )
    max_batch_tokens: Count = Field(
        8192,
        description="Most tokens held together: rows times (longest prompt + `max_new_tokens`).",
    )
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Seed when sampling.")


class SqlOptions(Section):
    """How SQL is scored."""

    databases: str | None = Field(
        None, description="Folder with NAME.sqlite for each row's `database` field."
    )
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        5.0, description="Longest time one query may take."
    )
    max_rows: Count = Field(10_000, description="Most rows that a result may have.")


class TextOptions(Section):
    """How answers are compared as text."""

    strip_opening: str | None = Field(
        None, description="Fixed opening removed from prediction and reference before ROUGE."
    )
    strip_closing: str | None = Field(
        None, description="Fixed closing removed from prediction and reference before ROUGE."
    )


class JudgeSection(Section):
    """Judging by a model behind an OpenAI-compatible endpoint."""

    endpoint: str | None = Field(
        None, description="Base address of the endpoint, such as `http://localhost:8000/v1`."
    )
    model: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="Model name at the endpoint."
    )
    rubric: Annotated[str, Field(min_length=1)] | None = Field(
        None, description="What the judge looks at, in words."
    )
    api_key_env: str | None = Field(
        None, description="Name of the environment variable that holds the key; unset: no key."
    )
    concurrency: Count = Field(4, description="Rows judged at a time.")
    timeout_seconds: Annotated[float, Field(gt=0)] = Field(
        120.0, description="Longest silence of the endpoint."
    )


class EvaluationSection(Section):
    """What is generated for the test rows and how it is scored."""

    metrics: list[str] = Field(
        default_factory=lambda: ["exact_match"], description="Names of registered metrics."
    )
    main_metric: str | None = Field(
        None, description="The metric that decides; the first of `metrics` when unset."
    )
    main_slice: Annotated[str, Field(pattern=r"^[^=]+=.+$")] | None = Field(
        None,
        description="The part of the test rows that decides, as `field=value`; unset: all of them.",
    )
    before: bool = Field(True, description="Also evaluate the untuned model.")
    few_shot: str | None = Field(
        None, description="Rows shown as examples to the untuned model, as a second baseline."
    )
    limit: Count | None = Field(None, description="Evaluate at most this many test rows.")
    slices: list[str] = Field(
        default_factory=list, description="Row fields by whose values the metrics are split."
    )
    examples: Annotated[int, Field(ge=0)] = Field(
        10, description="Predictions shown side by side in the report."
    )
    resamples: Count = Field(2000, description="Bootstrap resamples behind every interval.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(0, description="Seed of the bootstrap.")
    generation: GenerationSection = GenerationSection()
    sql: SqlOptions = SqlOptions()
    text: TextOptions = TextOptions()
    judge: JudgeSection = JudgeSection()
