from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from ftcore.errors import DataError, ModelError
from ftcore.rendering.messages import Message
from ftcore.rendering.template import ChatTemplate, read_special_tokens

HELLO = [Message("user", "Hello")]


def render(source: str, **extra: object) -> str:
    return ChatTemplate(source, {"bos_token": "<s>"}).render(HELLO, **extra)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ {'b': '<é>&', 'a': 1} | tojson }}", '{"b": "<é>&", "a": 1}'),
        ("{{ {'b': 2, 'a': 'é'} | tojson(ensure_ascii=true, sort_keys=true) }}", None),
        ("{{ [1, 2] | tojson(indent=2) }}", "[\n  1,\n  2\n]"),
        ("{{ [1, 2] | tojson(separators=(',', ':')) }}", "[1,2]"),
        ("{{ '<b>' }}", "<b>"),
        ("{% if true %}\nx\n{% endif %}\ny", "x\ny"),
        ("a\n    {% if true %}b{% endif %}", "a\nb"),
        ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1"),
        ("{% for i in [1, 2] %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "2"),
        ("{{ bos_token }}{{ eos_token }}", "<s>"),
        ("{{ tools is none }}{{ documents is none }}", "TrueTrue"),
        ("{{ add_generation_prompt }}", "False"),
        ("{% generation %}a{{ messages[0].content }}{% endgeneration %}b", "aHellob"),
        ("{%- set x = 1 -%}{% generation %}{% set x = 2 %}{% endgeneration %}{{ x }}", "1"),
        ("{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ ns.x }}", "2"),
        ("{{ 'x'.__class__ }}", ""),
    ],
)
def test_offers_what_transformers_offers(source: str, expected: str | None) -> None:
    if expected is None:
        expected = json.dumps({"b": 2, "a": "é"}, sort_keys=True)
    assert render(source) == expected


def test_prints_todays_date() -> None:
    source = "{{ strftime_now('%Y-%m') }}"
    assert render(source) == datetime.now().strftime("%Y-%m")
    assert ChatTemplate(source).prints_the_date


def test_extra_variables_win_over_special_tokens() -> None:
    assert render("{{ bos_token }}{{ enable_thinking }}", bos_token="x", enable_thinking=False) == (
        "xFalse"
    )


def test_a_template_that_refuses_says_why() -> None:
    with pytest.raises(DataError, match="Only one turn, please") as caught:
        render("{{ raise_exception('Only one turn, please') }}")
    assert caught.value.code == "data.template-refused"
    assert caught.value.hint


@pytest.mark.parametrize(
    "source", ["{{ messages[7].content.x }}", "{{ 1 + 'a' }}", "{{ messages.append(1) }}"]
)
def test_a_template_that_fails_is_a_data_error(source: str) -> None:
    with pytest.raises(DataError) as caught:
        render(source)
    assert caught.value.code == "data.template-failed"


def test_a_broken_template_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="line 2") as caught:
        ChatTemplate("a\n{% for %}")
    assert caught.value.code == "model.chat-template-broken"


def write(folder: Path, name: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    (folder / name).write_text(text, encoding="utf-8")


def test_template_file_wins_over_configuration(tmp_path: Path) -> None:
    write(tmp_path, "tokenizer_config.json", {"chat_template": "config"})
    assert ChatTemplate.from_folder(tmp_path).source == "config"
    write(tmp_path, "chat_template.json", {"chat_template": "json"})
    assert ChatTemplate.from_folder(tmp_path).source == "json"
    write(tmp_path, "chat_template.jinja", "file")
    assert ChatTemplate.from_folder(tmp_path).source == "file"


def test_named_templates_give_the_default(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]
    write(tmp_path, "tokenizer_config.json", {"chat_template": named})
    assert ChatTemplate.from_folder(tmp_path).source == "d"


def test_special_tokens_from_text_and_tables(tmp_path: Path) -> None:
    write(
        tmp_path,
        "tokenizer_config.json",
        {
            "eos_token": {"__type": "AddedToken", "content": "</s>", "lstrip": False},
            "pad_token": None,
            "image_token": "<image>",
            "add_bos_token": True,
            "unk_token": "<new>",
            "added_tokens_decoder": {},
        },
    )
    write(tmp_path, "special_tokens_map.json", {"bos_token": "<s>", "unk_token": "<old>"})
    assert read_special_tokens(tmp_path) == {
        "eos_token": "</s>",
        "image_token": "<image>",
        "bos_token": "<s>",
        "unk_token": "<new>",
    }


def test_special_tokens_map_wins_in_old_folders(tmp_path: Path) -> None:
    write(tmp_path, "tokenizer_config.json", {"unk_token": "<config>"})
    write(tmp_path, "special_tokens_map.json", {"unk_token": {"content": "<map>"}})
    assert read_special_tokens(tmp_path) == {"unk_token": "<map>"}


def test_a_folder_without_template_is_a_model_error(tmp_path: Path) -> None:
    write(tmp_path, "tokenizer_config.json", {})
    with pytest.raises(ModelError) as caught:
        ChatTemplate.from_folder(tmp_path)
    assert caught.value.code == "model.no-chat-template"
    assert caught.value.hint


def test_damaged_configuration_is_a_model_error(tmp_path: Path) -> None:
    write(tmp_path, "tokenizer_config.json", "{")
    with pytest.raises(ModelError) as caught:
        ChatTemplate.from_folder(tmp_path)
    assert caught.value.code == "model.broken-file"


def test_fingerprint_follows_source_and_special_tokens() -> None:
    prints = {
        ChatTemplate(source, tokens).fingerprint
        for source in ("a", "b")
        for tokens in ({}, {"eos_token": "</s>"})
    }
    assert len(prints) == 4
    assert ChatTemplate("a").fingerprint == ChatTemplate("a").fingerprint
