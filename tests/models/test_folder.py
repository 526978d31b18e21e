import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.errors import ModelError
from ftcore.models.folder import chat_template, check_folder, folder_fingerprint

Maker = Callable[..., Path]


def codes(folder: Path) -> list[str | None]:
    with pytest.raises(ModelError) as caught:
        check_folder(folder)
    assert caught.value.hint
    return [problem.code for problem in caught.value.problems]


def test_a_whole_folder_passes(make_folder: Maker):
    check_folder(make_folder())


def test_an_empty_folder_names_everything_at_once(tmp_path: Path):
    assert codes(tmp_path) == [
        "model.no-config",
        "model.no-tokenizer",
        "model.no-chat-template",
        "model.no-safetensors",
    ]


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(ModelError, match="not a folder"):
        check_folder(tmp_path / "no")


def test_pickled_weights_are_refused(make_folder: Maker):
    folder = make_folder()
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert codes(folder) == ["model.no-safetensors"]
    with pytest.raises(ModelError, match=r"pytorch_model\.bin; ft reads safetensors only"):
        check_folder(folder)


def test_an_adapter_is_not_a_model(make_folder: Maker):
    folder = make_folder()
    (folder / "config.json").rename(folder / "adapter_config.json")
    with pytest.raises(ModelError, match="holds an adapter"):
        check_folder(folder)


def test_a_missing_shard_is_named(make_folder: Maker):
    folder = make_folder()
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}})
    )
    with pytest.raises(ModelError, match=r"model-2\.safetensors, which is missing"):
        check_folder(folder)


def test_a_tokenizer_of_another_kind_gets_the_line_that_converts_it(make_folder: Maker):
    folder = make_folder()
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    with pytest.raises(ModelError, match=r"only tokenizer\.model") as caught:
        check_folder(folder)
    assert "save_pretrained" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["{}", '{"chat_template": null}', '{"chat_template": []}'])
def test_a_base_model_without_template_is_refused(make_folder: Maker, text: str):
    folder = make_folder()
    (folder / "tokenizer_config.json").write_text(text)
    assert codes(folder) == ["model.no-chat-template"]


def test_the_template_is_chosen_as_transformers_does(make_folder: Maker):
    folder = make_folder()
    assert chat_template(folder) == "{{ messages }}"
    named = [{"name": "tool", "template": "T"}, {"name": "default", "template": "D"}]
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert chat_template(folder) == "D"
    (folder / "chat_template.jinja").write_text("J")
    assert chat_template(folder) == "J"


def test_broken_json_is_a_problem_not_a_traceback(make_folder: Maker):
    folder = make_folder()
    (folder / "config.json").write_text("{")
    (folder / "tokenizer_config.json").write_text("[]")
    assert codes(folder) == ["model.broken-config", "model.broken-config"]


def test_the_fingerprint_tells_a_tuned_copy_from_its_base(make_folder: Maker):
    base, copy, tuned = make_folder("a"), make_folder("b"), make_folder("c", seed=1)
    assert folder_fingerprint(base) == folder_fingerprint(copy) != folder_fingerprint(tuned)
    (copy / "chat_template.jinja").write_text("other")
    assert folder_fingerprint(base) != folder_fingerprint(copy)


def test_documents_need_no_chat_template(make_folder: Maker):
    folder = make_folder()
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    (folder / "tokenizer_config.json").write_text("{}")
    check_folder(folder, chat=False)
    assert codes(folder) == ["model.no-chat-template"]
