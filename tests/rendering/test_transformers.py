"""Ids and texts are those of transformers' own ``apply_chat_template``, in the trl environment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.errors import DataError
from ftcore.models.resolve import resolve_model
from ftcore.plugins import load_plugins
from ftcore.rendering.messages import Message
from ftcore.rendering.renderer import Renderer
from ftcore.rendering.template import ChatTemplate
from tests.rendering.families import (
    FAMILIES,
    expected_text,
    supervised_characters,
    write_model_folder,
)
from tests.rendering.reference import (
    Asked,
    apply_chat_template,
    byte_flags,
    byte_level_pieces,
    reference_labels,
)
from tests.rendering.test_families import CONTENTS, conversations

pytestmark = pytest.mark.heavy

MORE = {
    "code": "def f(x):\n\treturn  x\n\n\n# 終わり",
    "long": "the answer is Paris. " * 60,
    "separators": "one\u2028two\u0085three\r\nfour\u200bfive\u00a0six",
}
HELPERS = (
    "{{ {'b': '<é>&', 'a': 1} | tojson }}",
    "{{ messages | tojson(indent=2) }}",
    "{{ {'b': 2, 'a': 'é'} | tojson(ensure_ascii=true, sort_keys=true) }}",
    "{{ [1, 2] | tojson(separators=(',', ':')) }}",
    "{{ strftime_now('%Y-%m-%d') }}",
    "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}|{% endfor %}",
    "{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "{% if true %}\n  x\n{% endif %}\n  y\n",
    "{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}{{ tools is none }}",
    "{% set ns = namespace(x=1) %}{% for m in messages %}{% set ns.x = ns.x + 1 %}{% endfor %}"
    "{{ ns.x }}",
    "{{ messages[0]['content'].strip().split('e')[-1] | trim | upper }}",
    "{{ raise_exception('Only one turn, please') }}",
)


@pytest.fixture(scope="module")
def python() -> str:
    """The interpreter of the trl environment, built if it is not there."""
    spec = load_plugins().backend("trl")
    found = place(spec, "cpu", python=None, offline=False, observer=Observer())
    return str(found.python)


@pytest.fixture(scope="module")
def smollm2() -> Tokenizer:
    """The tokenizer of the embedded model."""
    folder = resolve_model("smollm2-135m-instruct", notify=lambda text: None).folder
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


@pytest.fixture(scope="module")
def model_folders(
    tmp_path_factory: pytest.TempPathFactory, smollm2: Tokenizer, byte_fallback: Tokenizer
) -> dict[tuple[str, str], Path]:
    root = tmp_path_factory.mktemp("transformers")
    tokenizers = {"smollm2": smollm2, "byte_fallback": byte_fallback}
    return {
        (name, family.name): write_model_folder(root / name / family.name, tokenizer, family)
        for name, tokenizer in tokenizers.items()
        for family in FAMILIES.values()
    }


def conversations_of(family: str) -> list[list[Message]]:
    found = [
        messages for content in (CONTENTS | MORE).values() for messages in conversations(content)
    ]
    if FAMILIES[family].system:
        return found
    return [messages[1:] if messages[0].role == "system" else messages for messages in found]


def test_ids_and_labels_of_every_family(
    python: str, model_folders: dict[tuple[str, str], Path]
) -> None:
    cases = [
        (tokenizer, family, messages)
        for tokenizer, family in model_folders
        for messages in conversations_of(family)
    ]
    asked = [Asked(model_folders[key[0], key[1]], key[2]) for key in cases]
    said = apply_chat_template(python, asked)
    assert len(said) == len(cases) >= 2 * 15 * 60
    renderers = {key: Renderer.from_folder(folder) for key, folder in model_folders.items()}
    for (tokenizer, family, messages), ids in zip(cases, said, strict=True):
        check(renderers[tokenizer, family], family, messages, ids, tokenizer == "smollm2")


def check(
    renderer: Renderer, family: str, messages: list[Message], ids: list[int], by_bytes: bool
) -> None:
    rendered = renderer.render(messages)
    if renderer.appends_stop and messages[-1].role == "assistant":
        ids = [*ids, renderer.stop_ids[0]]
    assert rendered.input_ids.tolist() == ids
    account = FAMILIES[family]
    flags = supervised_characters(account, messages)
    text = expected_text(account, messages)
    if by_bytes:
        pieces = byte_level_pieces(renderer.tokenizer, ids)
        wanted = reference_labels(ids, pieces, byte_flags(text, flags))
    else:
        offsets = renderer.tokenizer.encode(text, add_special_tokens=False).offsets
        wanted = [
            number if all(flags[left:right]) else -100
            for number, (left, right) in zip(ids, offsets, strict=True)
        ]
    assert rendered.labels.tolist() == wanted


def test_prompts_of_every_family(python: str, model_folders: dict[tuple[str, str], Path]) -> None:
    question = [Message("user", "the question? 東京")]
    asked = [Asked(folder, question, prompt=True) for folder in model_folders.values()]
    for (key, folder), ids in zip(
        model_folders.items(), apply_chat_template(python, asked), strict=True
    ):
        assert Renderer.from_folder(folder).prompt_ids(question, thinking=True) == ids, key


def test_what_templates_may_use(
    python: str, tmp_path: Path, byte_level: Tokenizer, write_template: Callable[..., Path]
) -> None:
    messages = [Message("user", "Hello é <b> & 'c'"), Message("assistant", " there \n")]
    folders = [write_template(tmp_path / str(n), source) for n, source in enumerate(HELPERS)]
    asked = [Asked(folder, messages, tokenize=False) for folder in folders]
    for source, folder, said in zip(
        HELPERS, folders, apply_chat_template(python, asked), strict=True
    ):
        template = ChatTemplate.from_folder(folder)
        if isinstance(said, dict):
            with pytest.raises(DataError, match=said["error"]):
                template.render(messages)
        else:
            assert template.render(messages) == said, source


@pytest.fixture
def write_template(byte_level: Tokenizer) -> Callable[..., Path]:
    """A function that writes a model folder with a template of its own."""

    def write(folder: Path, source: str) -> Path:
        write_model_folder(folder, byte_level, FAMILIES["chatml"])
        (folder / "chat_template.jinja").write_text(source, encoding="utf-8")
        return folder

    return write
