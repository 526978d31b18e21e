"""Whatever is written into a recipe: it is read back equal, or refused with a line."""

import string
import tomllib
import types
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import annotated_types as limits
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.errors import RecipeError
from ftcore.recipe.fields import field_type, is_table, leaf_fields
from ftcore.recipe.key_lines import key_lines
from ftcore.recipe.loading import load_recipe
from ftcore.recipe.resolved import dump_resolved, recipe_toml
from ftcore.recipe.schema import Recipe

QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
THOROUGH = settings(QUICK, max_examples=200)
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANY = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), PLAIN, st.dates()
)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return limited(arguments[0], list(flat(arguments[1:])))
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(inner) for inner in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is list:
        return st.lists(values(arguments[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(PLAIN, values(arguments[1]), max_size=3)
    if is_table(annotation):
        return tables(annotation)
    known = {
        Any: st.one_of(ANY, st.lists(ANY, max_size=2), st.dictionaries(PLAIN, ANY, max_size=2)),
        type(None): st.none(),
        str: PLAIN,
        bool: st.booleans(),
        int: st.integers(),
        float: st.floats(allow_nan=False, allow_infinity=False),
    }
    return known[annotation]


def flat(found):
    for limit in found:
        yield from flat(limit.metadata) if hasattr(limit, "metadata") else [limit]


def limited(annotation: Any, found: list[Any]) -> st.SearchStrategy[Any]:
    low = next(
        (
            getattr(x, "gt", getattr(x, "ge", None))
            for x in found
            if hasattr(x, "gt") or hasattr(x, "ge")
        ),
        None,
    )
    high = next(
        (
            getattr(x, "lt", getattr(x, "le", None))
            for x in found
            if hasattr(x, "lt") or hasattr(x, "le")
        ),
        None,
    )
    above = any(isinstance(x, limits.Gt) for x in found)
    below = any(isinstance(x, limits.Lt) for x in found)
    if annotation is int:
        return st.integers(
            low + above if low is not None else None, high - below if high is not None else None
        )
    if annotation is float:
        return st.floats(
            low, high, exclude_min=above, exclude_max=below, allow_nan=False, allow_infinity=False
        )
    patterns = [x.pattern for x in found if getattr(x, "pattern", None)]
    if patterns:
        return st.from_regex(patterns[0], fullmatch=True, alphabet=string.printable)
    return values(annotation).filter(bool)


def tables(model: Any) -> st.SearchStrategy[dict[str, Any]]:
    required = {n: values(field_type(f)) for n, f in model.model_fields.items() if f.is_required()}
    optional = {
        n: values(field_type(f)) for n, f in model.model_fields.items() if not f.is_required()
    }
    return st.fixed_dictionaries(required, optional=optional)


RECIPES = tables(Recipe).map(Recipe.model_validate)


@THOROUGH
@given(RECIPES)
def test_a_recipe_written_as_toml_reads_back_equal(recipe):
    text = recipe_toml(recipe)
    assert Recipe.model_validate(tomllib.loads(text)) == recipe


@QUICK
@given(
    epochs=st.floats(1e-3, 1e6),
    seed=st.integers(0, 2**32 - 1),
    text=PLAIN,
    columns=st.dictionaries(PLAIN, PLAIN, max_size=3),
    targets=st.one_of(st.just("all-linear"), st.lists(PLAIN, max_size=3)),
)
def test_a_resolved_recipe_reads_back_equal(tmp_path, epochs, seed, text, columns, targets):
    data = {"train": ["a", {"path": "b"}], "columns": columns, "system": text or None}
    train = {"epochs": epochs, "seed": seed, "lora": {"targets": targets}}
    recipe = Recipe.model_validate(
        {"name": "x", "model": {"id": "m"}, "data": data, "train": train}
    )
    path = tmp_path / "x.toml"
    path.write_text(recipe_toml(recipe), encoding="utf-8")
    loaded = load_recipe(path)
    assert loaded.recipe == recipe
    path.write_text(dump_resolved(loaded), encoding="utf-8")
    assert load_recipe(path).recipe == recipe


VALID = """\
# A recipe with every shape of key.
name = "demo"
task = "ner"
"description" = "two words"

[model]
id = "smollm2-135m-instruct"

[data]
train = ["a.jsonl", { path = "b.jsonl", weight = 1.0 }]
system = \"\"\"
You = 1
\"\"\"
split.validation = 0.1

[data.columns]
prompt = "question"

[train]
epochs = 2
lora = { rank = 4, alpha = 8.0 }

[train.validation]
every_steps = 5

[evaluation]
metrics = [
    "entity_f1", # strict
    "exact_match",
]

[profiles.course.train]
learning_rate = 2e-4

[profiles.course]
model.dtype = "bfloat16"
"""


def refused_or_read(path: Path, text: str, **options: Any) -> list[Any]:
    """Load ``text``: no other exception than RecipeError, and every problem has a line in it."""
    path.write_text(text, encoding="utf-8", newline="")
    found = []
    try:
        load_recipe(path, **options)
    except RecipeError as error:
        found = list(error.problems) or [error]
    for problem in found:
        assert problem.line is not None or problem.file.startswith("--")
        assert problem.line is None or 1 <= problem.line <= text.count("\n") + 1
        assert "pydantic" not in str(problem)
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo.toml"


def test_the_recipe_to_be_spoiled_is_good(path):
    assert refused_or_read(path, VALID) == []
    assert refused_or_read(path, VALID, profile="course") == []


# Keys that a typo can hit: not those of free tables, and not the profile's own name.
FREE = {("data", "columns", "prompt"), ("profiles",), ("profiles", "course")}
KEYS = [
    (key, line)
    for key, line in key_lines(VALID).items()
    if isinstance(key[-1], str) and key not in FREE
]


@QUICK
@given(st.sampled_from(KEYS), st.sampled_from(string.ascii_lowercase + "_-"), st.data())
def test_a_typo_in_a_key_is_found_on_its_line(path, key, letter, data):
    (parts, line) = key
    name = parts[-1]
    lines = VALID.splitlines(keepends=True)
    place = data.draw(st.integers(0, len(name)))
    spoiled = name[:place] + letter + name[place:]
    lines[line - 1] = lines[line - 1].replace(name, spoiled, 1)
    found = refused_or_read(path, "".join(lines))
    assert any(problem.line == line and spoiled in problem.field for problem in found)
    assert any(problem.message == "unknown key" for problem in found)


@QUICK
@given(
    st.sampled_from([leaf for leaf in leaf_fields(Recipe).values() if leaf.path != "data.columns"]),
    st.sampled_from(["{ a = { b = 1 } }", "[[1]]", "1979-05-27", "07:32:00", "-1e400", "[{}]"]),
)
def test_a_value_of_the_wrong_type_is_found_on_its_line(path, leaf, value):
    if leaf.path == "backend":
        return
    top, _, rest = leaf.path.partition(".")
    start = {"name": '"x"', "model": '{ id = "m" }', "data": '{ train = "a" }'}
    if rest:
        inner = {"model": 'id = "m"', "data": 'train = "a"'}.get(top, "")
        inner = "" if inner.startswith(f"{rest} ") else inner
        start[top] = ""
        text = f"[{top}]\n{inner}\n{rest} = {value}\n"
    else:
        text = ""
        start[top] = value
    head = [f"{key} = {written}" for key, written in start.items() if written]
    text = "\n".join(head) + "\n" + text
    line = next(i for i, t in enumerate(text.splitlines(), 1) if t.endswith(f"= {value}"))
    found = refused_or_read(path, text)
    assert [problem.line for problem in found if problem.field.startswith(leaf.path)] == [line]


@THOROUGH
@given(st.integers(0, len(VALID)), st.integers(0, 12), st.text(max_size=6), st.booleans())
def test_any_edit_is_read_or_refused(path, start, length, inserted, chosen):
    inserted = inserted.encode("utf-8", "ignore").decode()
    text = VALID[:start] + inserted + VALID[start + length :]
    refused_or_read(
        path, text, profile="course" if chosen and "[profiles.course]" in text else None
    )


@QUICK
@given(st.lists(st.integers(0, VALID.count("\n")), max_size=4), st.randoms())
def test_any_lines_in_any_order_are_read_or_refused(path, gone, random):
    lines = [line for i, line in enumerate(VALID.splitlines()) if i not in gone]
    random.shuffle(lines)
    refused_or_read(path, "\n".join(lines))


@THOROUGH
@given(
    st.sampled_from([*leaf_fields(Recipe), "data.train.x", "profiles.course", "trian.seed", ""]),
    st.text(max_size=8),
    st.sampled_from(["=", "", " = "]),
)
def test_any_override_is_taken_or_refused(path, key, value, equals):
    refused_or_read(path, VALID, overrides=[f"{key}{equals}{value}"])


def test_a_chosen_profile_that_an_edit_took_away(path):
    text = VALID.replace("[profiles.course", "[profiles.curse")
    path.write_text(text)
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, profile="course")
    assert "curse" in caught.value.hint
