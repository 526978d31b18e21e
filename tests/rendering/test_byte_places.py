"""The quick labels, from the lengths of tokens, are those from the library's offsets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from ftcore.rendering.byte_places import ALPHABET, BytePlaces
from ftcore.rendering.labelling import Draft, Labeller

TEXTS = st.text(st.sampled_from("ab the answer\n\t é你🙂\u0301\x00<|im_end|>"), max_size=25)


def slow(tokenizer: Tokenizer, drafts: list[Draft]):
    return Labeller(tokenizer)._by_offsets(drafts)


def same(tokenizer: Tokenizer, drafts: list[Draft]) -> None:
    labeller = Labeller(tokenizer)
    assert labeller._places is not None
    for quick, expected in zip(labeller.label(drafts), slow(tokenizer, drafts), strict=True):
        assert quick.input_ids.tolist() == expected.input_ids.tolist()
        assert quick.labels.tolist() == expected.labels.tolist()
        assert (quick.supervised, quick.boundary) == (expected.supervised, expected.boundary)
        assert quick.input_ids.dtype == quick.labels.dtype == np.int32
        assert (quick.text, quick.spans, quick.detail) == (
            expected.text,
            expected.spans,
            expected.detail,
        )


def draft(pieces: list[str]) -> Draft:
    """Return a text in which every second piece is a span."""
    spans, place = [], 0
    for number, piece in enumerate(pieces):
        if number % 2:
            spans.append((place, place + len(piece)))
        place += len(piece)
    return Draft("".join(pieces), spans, "a detail")


def with_tokens(tokenizer: Tokenizer, *tokens: AddedToken) -> Tokenizer:
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.post_processor = processors.ByteLevel(trim_offsets=False)  # as `load_tokenizer` has it
    copy.add_special_tokens(["<|im_end|>"])
    copy.add_tokens(list(tokens))
    return copy


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(TEXTS, max_size=6), min_size=1, max_size=5))
def test_any_spans(byte_level: Tokenizer, rows: list[list[str]]) -> None:
    same(with_tokens(byte_level), [draft(pieces) for pieces in rows])


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(TEXTS, max_size=4), min_size=1, max_size=4))
def test_tokens_that_swallow_space_and_bytes_that_are_unknown(
    byte_level: Tokenizer, rows: list[list[str]]
) -> None:
    swallowing = with_tokens(byte_level, AddedToken("answer", lstrip=True, rstrip=True))
    same(swallowing, [draft(pieces) for pieces in rows])
    vocabulary = {
        letter: number for number, letter in enumerate(sorted(ALPHABET - set("ÃĠ\u0122")))
    }
    poor = Tokenizer(models.BPE(vocabulary, []))
    poor.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    same(with_tokens(poor), [draft(pieces) for pieces in rows])


def test_tokenizers_that_are_left_to_the_library(
    byte_level: Tokenizer, byte_fallback: Tokenizer, metaspace: Tokenizer
) -> None:
    assert BytePlaces.of(byte_level) is not None
    assert BytePlaces.of(byte_fallback) is None
    assert BytePlaces.of(metaspace) is None
    changes = {
        "normalizer": normalizers.NFC(),
        "pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True),
    }
    for name, value in changes.items():
        copy = Tokenizer.from_str(byte_level.to_str())
        setattr(copy, name, value)
        assert BytePlaces.of(copy) is None
    unknown = Tokenizer(models.BPE({"<unk>": 0, "a": 1}, [], unk_token="<unk>"))
    unknown.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert BytePlaces.of(unknown) is None


def test_the_alphabet_is_the_librarys() -> None:
    assert set(pre_tokenizers.ByteLevel.alphabet()) == ALPHABET


@pytest.mark.parametrize("size", [1, 3])
def test_a_lone_surrogate_drops_its_row_only(byte_level: Tokenizer, size: int) -> None:
    drafts = [Draft("a", [(0, 1)]), Draft("\ud800", []), Draft("b", [(0, 1)])][-size:]
    statuses = [row.status for row in Labeller(byte_level).label(drafts)]
    assert statuses == ["kept", "dropped", "kept"][-size:]
