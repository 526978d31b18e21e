"""What single fields cannot say: settings of a recipe that contradict each other.

Every rule looks at the recipe alone, never at files; `path_problems` looks at the files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from string import Formatter
from typing import TYPE_CHECKING

from ftcore.errors import Problem
from ftcore.recipe.fields import leaf_fields
from ftcore.recipe.schema import NerFormat, Recipe, WeightedSource
from ftcore.recipe.section import Section
from ftcore.recipe.suggestions import nearest

if TYPE_CHECKING:
    from ftcore.recipe.loading import LoadedRecipe

CODE = "recipe.contradiction"
PROMPT_METHODS = ("prompt_tuning", "prefix_tuning", "p_tuning")


def rule_problems(recipe: Recipe) -> list[Problem]:
    """Return every contradiction in a recipe, each with its field and one thing to try."""
    return [problem for rule in RULES for problem in rule(recipe)]


def path_problems(loaded: LoadedRecipe) -> list[Problem]:
    """Return a problem, with its line, for every path outside `[data]` that is not there.

    The files of `[data]` are looked for by the data room, which also knows globs and addresses.
    """
    evaluation = loaded.recipe.evaluation
    problems = []
    if evaluation.few_shot is not None and not loaded.resolve(evaluation.few_shot).is_file():
        message = f"there is no file {loaded.resolve(evaluation.few_shot)}"
        problems.append(_problem("evaluation.few_shot", message, "give a file of example rows"))
    databases = evaluation.sql.databases
    if databases is not None and not loaded.resolve(databases).is_dir():
        message = f"there is no folder {loaded.resolve(databases)}"
        fix = "give the folder that holds NAME.sqlite"
        problems.append(_problem("evaluation.sql.databases", message, fix))
    return [loaded.placed(replace(problem, code="recipe.path")) for problem in problems]


def _problem(field: str, message: str, fix: str) -> Problem:
    return Problem(message, field=field, fix=fix, code=CODE)


def _changed(section: Section) -> list[str]:
    """Return the fields of a table whose values are not the defaults."""
    default = type(section)()
    return [
        name
        for name in type(section).model_fields
        if getattr(section, name) != getattr(default, name)
    ]


def _schedule(recipe: Recipe) -> Iterator[Problem]:
    train = recipe.train
    if train.warmup_steps and train.max_steps and train.warmup_steps >= train.max_steps:
        message = f"{train.warmup_steps} warm-up steps leave none of the {train.max_steps} steps"
        yield _problem("train.warmup_steps", message, "warm up for a tenth of the steps or less")


def _validation(recipe: Recipe) -> Iterator[Problem]:
    validation = recipe.train.validation
    where = "train.validation"
    has_rows = bool(recipe.data.validation) or recipe.data.split.validation > 0
    for name, wanted in (("patience", validation.patience), ("load_best", validation.load_best)):
        if wanted and validation.every_steps is None:
            message = "needs validation loss, which is never measured"
            yield _problem(f"{where}.{name}", message, f"set {where}.every_steps")
    if validation.every_steps is not None and not has_rows:
        fix = "set data.validation, or data.split.validation = 0.1"
        yield _problem(f"{where}.every_steps", "there are no validation rows to measure", fix)


def _checkpoints(recipe: Recipe) -> Iterator[Problem]:
    every, measured = recipe.train.checkpoints.every_steps, recipe.train.validation.every_steps
    if not recipe.train.validation.load_best or measured is None:
        return
    if every is None:
        fix = f"set train.checkpoints.every_steps = {measured}"
        yield _problem("train.validation.load_best", "needs checkpoints, which are not kept", fix)
    elif every % measured:
        message = f"a checkpoint every {every} steps misses validations every {measured} steps"
        fix = f"use a multiple of {measured}"
        yield _problem("train.checkpoints.every_steps", message, fix)


def _lora(recipe: Recipe) -> Iterator[Problem]:
    owners = {
        "lora": (recipe.train.lora, ("lora",)),
        "freeze": (recipe.train.freeze, ("freeze",)),
        "prompt": (recipe.train.prompt, PROMPT_METHODS),
    }
    method = recipe.train.method
    for table, (section, methods) in owners.items():
        for name in _changed(section) if method not in methods else ():
            message = f'is of no use with method = "{method}"'
            yield _problem(
                f"train.{table}.{name}", message, f'take it out, or method = "{methods[0]}"'
            )


def _pissa(recipe: Recipe) -> Iterator[Problem]:
    train, field = recipe.train, "train.lora.init"
    if train.lora.init != "pissa":
        return
    if train.lora.dora:
        message = 'init = "pissa" changes the weights whose magnitudes DoRA trains'
        yield _problem(field, message, "leave one of init and dora out")
    if recipe.model.dtype not in ("auto", "float32") or (
        recipe.model.dtype == "auto" and train.precision != "fp32"
    ):
        message = 'init = "pissa" takes the adapter out of the weights, which must be float32'
        yield _problem(field, message, 'set model.dtype = "float32"')


def _quantized(recipe: Recipe) -> Iterator[Problem]:
    train, field = recipe.train, "model.quantization"
    if recipe.model.quantization == "none":
        return
    if train.method != "lora":
        message = f'quantised weights take an adapter of LoRA, not method = "{train.method}"'
        yield _problem(field, message, 'set method = "lora", or quantization = "none"')
    elif train.lora.init == "pissa" or train.lora.dora:
        name = "dora" if train.lora.dora else "init"
        message = "is computed from weights that are not quantised"
        yield _problem(f"train.lora.{name}", message, 'take it out, or quantization = "none"')


def _optimizer(recipe: Recipe) -> Iterator[Problem]:
    train = recipe.train
    if train.optimizer != "adamw":
        for name in ("beta1", "beta2", "epsilon"):
            if getattr(train, name) != type(train).model_fields[name].default:
                message = f'is of no use with optimizer = "{train.optimizer}"'
                yield _problem(f"train.{name}", message, 'take it out, or optimizer = "adamw"')
        if train.lora.plus_ratio is not None:
            message = f'LoRA+ is made for AdamW, not for optimizer = "{train.optimizer}"'
            yield _problem("train.lora.plus_ratio", message, 'take it out, or optimizer = "adamw"')
    if train.min_lr_ratio and train.scheduler == "constant":
        message = 'scheduler = "constant" does not sink'
        yield _problem("train.min_lr_ratio", message, 'take it out, or scheduler = "cosine"')


def _virtual(recipe: Recipe) -> Iterator[Problem]:
    method = recipe.train.method
    if method in PROMPT_METHODS and "merged" in recipe.export.formats:
        message = f'method = "{method}" trains tokens, which no weights can take in'
        yield _problem("export.formats", message, 'set formats = ["adapter"]')
    if method == "prefix_tuning" and recipe.train.gradient_checkpointing:
        message = "a prefix lies in the cache, which gradient checkpointing leaves out"
        yield _problem("train.gradient_checkpointing", message, "set it to false")


def _in_place(recipe: Recipe) -> Iterator[Problem]:
    method = recipe.train.method
    if method not in ("full", "freeze"):
        return
    if recipe.model.dtype not in ("auto", "float32"):
        message = f'method = "{method}" trains float32 weights, whatever the precision is'
        yield _problem("model.dtype", message, 'set dtype = "auto"')
    if "adapter" in recipe.export.formats:
        message = f'method = "{method}" makes no adapter'
        yield _problem("export.formats", message, 'set formats = ["merged"], the whole model')


def _splits(recipe: Recipe) -> Iterator[Problem]:
    data, split = recipe.data, recipe.data.split
    if split.validation + split.test >= 1:
        message = f"validation {split.validation:g} and test {split.test:g} leave no training rows"
        yield _problem("data.split.test", message, "keep them at 0.1 or 0.2")
    for name in ("validation", "test"):
        if getattr(split, name) and getattr(data, name):
            message = f"data.{name} gives these rows already"
            yield _problem(f"data.split.{name}", message, "keep one of the two")


def _weights(recipe: Recipe) -> Iterator[Problem]:
    for name in ("validation", "test"):
        sources = getattr(recipe.data, name)
        for place, source in enumerate(sources if isinstance(sources, list) else []):
            if isinstance(source, WeightedSource) and source.weight != 1:
                message = "weighs rows that are not trained on; each of them is seen once"
                yield _problem(f"data.{name}[{place}].weight", message, "take it out")


def _formats(recipe: Recipe) -> Iterator[Problem]:
    data = recipe.data
    used = {data.format, data.test_format or data.format}
    for table in ("ner", "alpaca"):
        if used & {table, "auto"}:
            continue
        for name in _changed(getattr(data, table)):
            message = f'is read with format = "{table}" only, not "{data.format}"'
            yield _problem(f"data.{table}.{name}", message, f'take it out, or format = "{table}"')
    yield from _placeholders(data.ner)


def _placeholders(ner: NerFormat) -> Iterator[Problem]:
    for field, known in (("instruction", {"labels", "none"}), ("prompt", {"text"})):
        path, template = f"data.ner.{field}", getattr(ner, field)
        places = " and ".join(f"{{{word}}}" for word in sorted(known))
        try:
            used = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        except ValueError as error:
            yield _problem(path, f"is no template: {error}", "write a literal brace twice")
            continue
        for name in sorted(used - known):
            fix = f"it knows {places}; a literal brace is written twice"
            yield _problem(path, f"does not know the place `{{{name}}}`", fix)
        if used <= known and not _fills(template, known):
            yield _problem(path, "cannot be filled in", f"write {places} without more inside")
    if "{text}" not in ner.prompt:
        yield _problem("data.ner.prompt", "has no place for the text", "put {text} into it")


def _fills(template: str, known: set[str]) -> bool:
    try:
        template.format(**dict.fromkeys(known, ""))
    except (ValueError, KeyError, IndexError, AttributeError):
        return False
    return True


def _metrics(recipe: Recipe) -> Iterator[Problem]:
    evaluation = recipe.evaluation
    names, main = evaluation.metrics, evaluation.main_metric
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield _problem("evaluation.metrics", f"names {twice[0]} twice", "name each metric once")
    if main is not None and main not in names:
        close = nearest(main, names)
        fix = f'did you mean "{close}"?' if close else f'add "{main}" to evaluation.metrics'
        yield _problem("evaluation.main_metric", f'"{main}" is not among the metrics', fix)
    if any(name.startswith("sql_execution") for name in names) and not evaluation.sql.databases:
        message = "SQL is executed on databases, and none are given"
        fix = "set evaluation.sql.databases to the folder that holds NAME.sqlite"
        yield _problem("evaluation.metrics", message, fix)


def _decoding(recipe: Recipe) -> Iterator[Problem]:
    generation = recipe.evaluation.generation
    for name in _changed(generation) if not generation.do_sample else ():
        if name in ("temperature", "top_p", "top_k"):
            message = "is of no use while do_sample = false"
            fix = "take it out, or set do_sample = true"
            yield _problem(f"evaluation.generation.{name}", message, fix)


def _judge(recipe: Recipe) -> Iterator[Problem]:
    # Neither message repeats the value: it may hold a secret.
    judge = recipe.evaluation.judge
    if judge.endpoint is not None and not re.fullmatch(r"https?://[^@?#\s]+", judge.endpoint):
        message = "is no plain http:// or https:// address without user, password or query"
        fix = "give the base address, such as http://localhost:8000/v1"
        yield _problem("evaluation.judge.endpoint", message, fix)
    if judge.api_key_env is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", judge.api_key_env):
        message = "is no name of an environment variable, which has capitals, digits and `_`"
        fix = 'put the key into a variable and give its name, such as "OPENAI_API_KEY"'
        yield _problem("evaluation.judge.api_key_env", message, fix)


def _launch(recipe: Recipe) -> Iterator[Problem]:
    launch = recipe.launch
    several = launch.processes > 1 or launch.nodes > 1
    if several and launch.strategy == "none":
        fix = 'set launch.strategy = "ddp"'
        yield _problem("launch.processes", "several processes need a strategy", fix)
    if launch.strategy != "none" and not several:
        message = f'"{launch.strategy}" needs several processes'
        yield _problem("launch.strategy", message, "set launch.processes")


def _names(recipe: Recipe) -> Iterator[Problem]:
    known = leaf_fields(Recipe)
    for name in recipe.accept_approximate:
        if name not in known:
            close = nearest(name, known)
            fix = f"did you mean `{close}`?" if close else "name a field such as train.packing"
            yield _problem("accept_approximate", f'"{name}" is no field of a recipe', fix)
    formats = recipe.export.formats
    if len(set(formats)) < len(formats):
        yield _problem("export.formats", "names a format twice", "name each format once")


RULES: tuple[Callable[[Recipe], Iterator[Problem]], ...] = (
    _schedule,
    _validation,
    _checkpoints,
    _lora,
    _pissa,
    _quantized,
    _optimizer,
    _virtual,
    _in_place,
    _splits,
    _weights,
    _formats,
    _metrics,
    _decoding,
    _judge,
    _launch,
    _names,
)
