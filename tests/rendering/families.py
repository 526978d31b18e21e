"""Template families, each with a second, hand-written account of its public format.

The account of a family is a plain function from messages to (text, supervised) pieces. It shares
no code with the Jinja templates in ``templates/`` or with ``ftcore.rendering``: the tests ask
that both agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import AddedToken, Tokenizer

from ftcore.rendering.messages import Message

TEMPLATES = Path(__file__).parent / "templates"
Piece = tuple[str, bool]
Format = Callable[[Sequence[Message]], list[Piece]]


@dataclass(frozen=True)
class Family:
    name: str
    pieces: Format
    tokens: tuple[str, ...]
    eos: str
    bos: str = "<s>"
    stop: str = ""
    system: bool = True
    prompt: str | None = None
    appended: bool = False
    names: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return (TEMPLATES / f"{self.name}.jinja").read_text(encoding="utf-8")

    @property
    def stop_token(self) -> str:
        return self.stop or self.eos

    def special_tokens(self) -> dict[str, str]:
        return {"bos_token": self.bos, "eos_token": self.eos}


def _chat(messages: Sequence[Message], default: str | None) -> list[Piece]:
    pieces: list[Piece] = []
    if default is not None and messages[0].role != "system":
        pieces.append((f"<|im_start|>system\n{default}<|im_end|>\n", False))
    for message in messages:
        pieces.append((f"<|im_start|>{message.role}\n", False))
        pieces.append((message.content + "<|im_end|>", message.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


def chatml(messages: Sequence[Message]) -> list[Piece]:
    return _chat(messages, None)


def smollm2(messages: Sequence[Message]) -> list[Piece]:
    return _chat(messages, "You are a helpful AI assistant named SmolLM, trained by Hugging Face")


def qwen2_5(messages: Sequence[Message]) -> list[Piece]:
    return _chat(messages, "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")


def qwen3(messages: Sequence[Message]) -> list[Piece]:
    """The last answer opens with its thinking block, or an empty one; earlier ones have none."""
    pieces: list[Piece] = []
    for number, message in enumerate(messages):
        pieces.append((f"<|im_start|>{message.role}\n", False))
        content = message.content
        if message.role == "assistant":
            thought, found, answer = content.rpartition("</think>")
            if found:
                answer = answer.lstrip("\n")
                thought = thought.split("</think>")[0].rstrip("\n").split("<think>")[-1]
            thought = thought.strip("\n")
            if number == len(messages) - 1:
                answer = answer.lstrip("\n")
                # What the content itself holds of the block is answer, the rest is the header's.
                pieces.append(("<think>\n", bool(found) and "<think>" in content))
                pieces.append((f"{thought}\n</think>\n\n", bool(found)))
            pieces.append((answer + "<|im_end|>", True))
        else:
            pieces.append((content + "<|im_end|>", False))
        pieces.append(("\n", False))
    return pieces


def llama2(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = []
    system = ""
    for message in messages:
        if message.role == "system":
            system = f"<<SYS>>\n{message.content}\n<</SYS>>\n\n"
        elif message.role == "user":
            pieces.append((f"<s>[INST] {(system + message.content).strip()} [/INST]", False))
            system = ""
        else:
            pieces += [(" ", False), (f"{message.content.strip()} </s>", True)]
    return pieces


def llama3(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = [("<|begin_of_text|>", False)]
    for message in messages:
        pieces.append((f"<|start_header_id|>{message.role}<|end_header_id|>\n\n", False))
        pieces.append((f"{message.content.strip()}<|eot_id|>", message.role == "assistant"))
    return pieces


def mistral(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = [("<s>", False)]
    system = ""
    for message in messages:
        if message.role == "system":
            system = message.content + "\n\n"
        elif message.role == "user":
            pieces.append((f"[INST] {system}{message.content}[/INST]", False))
            system = ""
        else:
            pieces += [(" ", False), (f"{message.content.strip()}</s>", True)]
    return pieces


def gemma(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = [("<bos>", False)]
    for message in messages:
        role = {"assistant": "model"}.get(message.role, message.role)
        pieces.append((f"<start_of_turn>{role}\n", False))
        pieces.append((f"{message.content.strip()}<end_of_turn>", message.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


def phi3(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = []
    for message in messages:
        pieces.append((f"<|{message.role}|>\n", False))
        pieces.append((f"{message.content}<|end|>", message.role == "assistant"))
        pieces.append(("\n", False))
    return [*pieces, ("<|endoftext|>", False)]


def deepseek_v2(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = [("<｜begin▁of▁sentence｜>", False)]
    for message in messages:
        if message.role == "assistant":
            pieces.append(("Assistant: ", False))
            pieces.append((f"{message.content}<｜end▁of▁sentence｜>", True))
        else:
            name = "User: " if message.role == "user" else ""
            pieces.append((f"{name}{message.content}\n\n", False))
    return pieces


def deepseek_r1(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = [("<｜begin▁of▁sentence｜>", False)]
    pieces += [(message.content, False) for message in messages if message.role == "system"]
    for message in messages:
        if message.role == "user":
            pieces.append((f"<｜User｜>{message.content}", False))
        elif message.role == "assistant":
            pieces.append(("<｜Assistant｜>", False))
            answer = message.content.rpartition("</think>")[2]
            pieces.append((f"{answer}<｜end▁of▁sentence｜>", True))
    return pieces


def glm4(messages: Sequence[Message]) -> list[Piece]:
    """No end of turn: the next turn's token stops the model, and is added after a last answer."""
    pieces: list[Piece] = [("[gMASK]<sop>", False)]
    for number, message in enumerate(messages):
        after_answer = number > 0 and messages[number - 1].role == "assistant"
        pieces.append((f"<|{message.role}|>", after_answer))
        pieces.append(("\n", False))
        pieces.append((message.content, message.role == "assistant"))
    if messages[-1].role == "assistant":
        pieces.append(("<|user|>", True))
    return pieces


def zephyr(messages: Sequence[Message]) -> list[Piece]:
    pieces: list[Piece] = []
    for message in messages:
        pieces.append((f"<|{message.role}|>\n", False))
        pieces.append((f"{message.content}</s>", message.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


_IM = ("<|im_start|>", "<|im_end|>")
_QWEN = (*_IM, "<|endoftext|>")
_LLAMA3 = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
_DEEPSEEK = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")
_GLM = ("[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|endoftext|>")
_PHI = ("<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>")

FAMILIES = {
    family.name: family
    for family in (
        Family("chatml", chatml, _IM, "<|im_end|>", prompt="<|im_start|>assistant\n"),
        Family("generation_markers", chatml, _IM, "<|im_end|>"),
        Family("smollm2", smollm2, _QWEN, "<|im_end|>", prompt="<|im_start|>assistant\n"),
        Family("yi", chatml, _IM, "<|im_end|>", prompt="<|im_start|>assistant\n"),
        Family("qwen2_5", qwen2_5, _QWEN, "<|im_end|>", prompt="<|im_start|>assistant\n"),
        Family(
            "qwen3",
            qwen3,
            (*_QWEN, "<think>", "</think>"),
            "<|im_end|>",
            prompt="<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        Family("llama2", llama2, ("<s>", "</s>"), "</s>", prompt=" [/INST]"),
        Family(
            "llama3",
            llama3,
            (*_LLAMA3, "<|end_of_text|>"),
            "<|end_of_text|>",
            bos="<|begin_of_text|>",
            stop="<|eot_id|>",
            prompt="<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        Family("mistral", mistral, ("<s>", "</s>", "[INST]", "[/INST]"), "</s>", prompt="[/INST]"),
        Family(
            "gemma",
            gemma,
            ("<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
            "<eos>",
            bos="<bos>",
            stop="<end_of_turn>",
            system=False,
            prompt="<start_of_turn>model\n",
        ),
        Family("phi3", phi3, _PHI, "<|endoftext|>", stop="<|end|>", prompt="<|assistant|>\n"),
        Family(
            "deepseek_v2",
            deepseek_v2,
            _DEEPSEEK,
            _DEEPSEEK[1],
            bos=_DEEPSEEK[0],
            prompt="\n\nAssistant:",
        ),
        Family(
            "deepseek_r1",
            deepseek_r1,
            (*_DEEPSEEK, "<｜User｜>", "<｜Assistant｜>", "<think>", "</think>"),
            _DEEPSEEK[1],
            bos=_DEEPSEEK[0],
            prompt="<｜Assistant｜>",
        ),
        Family(
            "glm4",
            glm4,
            _GLM,
            "<|endoftext|>",
            stop="<|user|>",
            prompt="<|assistant|>",
            appended=True,
        ),
        Family("zephyr", zephyr, ("<s>", "</s>"), "</s>", prompt="<|assistant|>\n"),
    )
}


def write_model_folder(folder: Path, tokenizer: Tokenizer, family: Family) -> Path:
    """Write what a model folder has of text: the tokenizer with the family's tokens, the template.

    Special tokens are written the way transformers writes them, so that the folder can also be
    opened with ``AutoTokenizer``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.add_special_tokens(
        [AddedToken(text, special=True, normalized=False) for text in family.tokens]
    )
    copy.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": family.source,
        **family.special_tokens(),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def expected_text(family: Family, messages: Sequence[Message]) -> str:
    return "".join(text for text, _ in family.pieces(messages))


def supervised_characters(family: Family, messages: Sequence[Message]) -> list[bool]:
    """Return, for every character of the expected text, whether it is supervised."""
    return [flag for text, flag in family.pieces(messages) for _ in text]
