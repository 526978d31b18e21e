from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.errors import ModelError, RecipeError
from ftcore.models.inspect import inspect_model, lora_parameters

Maker = Callable[..., Path]


def test_facts_come_from_headers(make_folder: Maker):
    facts = inspect_model(make_folder())
    assert facts.architecture == "LlamaForCausalLM"
    assert facts.parameters == 16 * 8 + 8 + 64 + 32 + 96 + 8
    assert (facts.hidden_size, facts.layers, facts.vocab_size) == (8, 1, 16)
    assert (facts.dtype, facts.max_positions, facts.tied_embeddings) == ("float32", 64, True)
    assert facts.tensors["model.layers.0.mlp.down_proj.weight"] == (8, 12)


def test_lora_counts_rank_times_rows_plus_columns(make_folder: Maker):
    facts = inspect_model(make_folder())
    assert lora_parameters(facts, 4, "all-linear") == 4 * ((8 + 8) + (4 + 8) + (8 + 12))
    assert lora_parameters(facts, 4, ["q_proj"]) == 4 * 16
    assert lora_parameters(facts, 4, ["self_attn.q_proj", "q_proj"]) == 4 * 16


def test_an_unknown_target_names_those_that_exist(make_folder: Maker):
    facts = inspect_model(make_folder())
    with pytest.raises(RecipeError, match="q_prj, proj") as caught:
        lora_parameters(facts, 4, ["q_prj", "proj", "k_proj"])
    assert "down_proj, k_proj, q_proj" in (caught.value.hint or "")
    assert len(caught.value.problems) == 2


def test_a_multimodal_configuration_is_read_through(make_folder: Maker):
    folder = make_folder(hidden_size=None, text_config={"hidden_size": 8})
    assert inspect_model(folder).hidden_size == 8


def test_other_families_other_names(make_folder: Maker):
    facts = inspect_model(
        make_folder(hidden_size=None, n_embd=8, num_hidden_layers=None, n_layer=1)
    )
    assert (facts.hidden_size, facts.layers) == (8, 1)


def test_something_that_is_no_decoder_is_refused(make_folder: Maker):
    with pytest.raises(ModelError, match="does not state vocab_size"):
        inspect_model(make_folder(vocab_size=None))
