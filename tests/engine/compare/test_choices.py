"""From what is asked for to variants: the product, the names, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftcore.engine.compare.choices import Asked, choices, parse_vary, what_varies
from ftcore.errors import InputError

RECIPE = (Path("ner.toml"),)


def names(**asked: object) -> list[str]:
    return [one.name for one in choices(Asked(**{"recipes": RECIPE, **asked}))]  # type: ignore[arg-type]


def test_every_combination_is_a_variant() -> None:
    found = choices(
        Asked(
            RECIPE,
            backends=("trl", "swift"),
            vary=("train.lora.rank=4,8", "train.epochs=1"),
            overrides=("train.max_steps=3",),
        )
    )
    assert [one.name for one in found] == [
        "trl, rank 4",
        "trl, rank 8",
        "swift, rank 4",
        "swift, rank 8",
    ]
    last = found[-1]
    assert last.changes.backend == "swift"
    given = ("train.max_steps=3", "train.lora.rank=8", "train.epochs=1")
    assert last.changes.overrides == given
    assert last.settings == {"backend": "swift", "train.lora.rank": "8"}


def test_names_tell_the_variants_apart() -> None:
    assert names(recipes=(Path("a/one.toml"), Path("b/two.toml"))) == ["one", "two"]
    assert names(recipes=(Path("a/one.toml"), Path("b/one.toml"))) == ["a/one.toml", "b/one.toml"]
    assert names(profiles=("none", "smoke")) == ["no profile", "smoke"]
    assert names(models=("org/small", "org/large")) == ["small", "large"]
    assert names(vary=("a.rank=1,2", "b.rank=3,4"))[0] == "a.rank 1, b.rank 3"


def test_a_profile_of_none_is_no_profile() -> None:
    first, second = choices(Asked(RECIPE, profiles=("none", "smoke")))
    assert (first.changes.profile, second.changes.profile) == (None, "smoke")


def test_values_in_brackets_and_quotes_hold_commas() -> None:
    key, values = parse_vary('train.lora.targets=["q_proj","v_proj"],"all, of them"')
    assert key == "train.lora.targets"
    assert values == ['["q_proj","v_proj"]', '"all, of them"']


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "compare.one-variant"),
        ({"backends": ("trl", "trl")}, "compare.one-variant"),
        ({"vary": ("train.epochs",)}, "compare.vary"),
        ({"vary": ("train.epochs=1,,2",)}, "compare.vary"),
        ({"vary": ("train.seed=1,2",)}, "compare.vary"),
        ({"vary": ("train.epochs=1,2", "train.epochs=3,4")}, "compare.vary"),
    ],
)
def test_what_cannot_be_varied_is_refused(asked: dict[str, tuple[str, ...]], code: str) -> None:
    with pytest.raises(InputError) as raised:
        choices(Asked(RECIPE, **asked))  # type: ignore[arg-type]
    assert raised.value.code == code
    assert raised.value.hint


def test_one_variant_with_seeds_is_about_their_spread() -> None:
    assert names(backends=("trl",), seeds=2) == ["trl"]
    assert names(seeds=(4, 5)) == ["ner"]


def test_what_varies_in_a_word() -> None:
    assert what_varies([{"backend": "trl"}, {"backend": "swift"}]) == "backend"
    assert what_varies([{"train.epochs": "1"}]) == "setting"
    assert what_varies([{"backend": "trl", "model": "small"}]) == "variant"
