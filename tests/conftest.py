"""What several rooms test with: a tiny model folder, a tiny recipe, and the toy backend."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from ftcore.engine.observer import Observer
from ftcore.engine.prepare import Prepared, prepare
from ftcore.engine.run import Outcome, execute
from ftcore.plugins import Plugins, load_plugins
from ftcore.protocol import Event, Job, LoraSettings, ModelRef, Stage, TrainSettings
from ftcore.recipe.loading import load_recipe
from ftcore.runs.folder import RunFolder

TOY_SITE = Path(__file__).parent / "toy"


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start; a shell's background jobs ignore it, children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# Heavy tests that a change need not wait for: `scripts/check.py --exhaustive` runs them. One case
# of each family stays. File -> what the name of such a test holds.
EXHAUSTIVE = {
    "test_method_resume.py": r"\[(?!trl-pissa|trl-4bit)",
    "test_recipes.py": r"whole",
    "test_several_processes.py": (
        r"validation.*(swift|llamafactory)|one_rank.*(swift|llama|inter)|becomes_one.*(trl|llama)"
    ),
    "test_several_machines.py": r"\[swift|killed.*\[0\]",
    "test_parity.py": r"dora|full|freeze|bf16|several_processes|own_losses|two_seeds",
    "test_resume.py": r"\[(stop|full)-",
    "test_planted.py": r"newline|system|beta2|cosine|truncated|bf16|clipped|two_diff|unknown|wrong",
    "test_training.py": r"rslora|attention|checkpointing|adafactor|sgd|freeze|8bit|4bit.and",
    "test_native.py": r"-(full|4bit)\]",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the heavy tests that are left to the exhaustive run."""
    for item in items:
        pattern = EXHAUSTIVE.get(item.path.name)
        if pattern and item.get_closest_marker("heavy") and re.search(pattern, item.name):
            item.add_marker(pytest.mark.exhaustive)


CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Japan": "Tokyo",
    "Peru": "Lima",
    "Egypt": "Cairo",
    "Cuba": "Havana",
    "Kenya": "Nairobi",
    "中国": "北京",
    "Norway": "Oslo",
}
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 256,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
    "torch_dtype": "float32",
}
# bitsandbytes packs layers whose sides are multiples of 32.
WIDE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
RECIPE = """
name = "capitals"
default_backend = "toy"

[model]
id = "{model}"

[data]
train = "train.jsonl"
test = "test.jsonl"
format = "prompt_completion"
max_length = 128

[train]
epochs = 2
batch_size = 2
accumulation = 2
learning_rate = 1e-3
seed = 7

[train.lora]
rank = 2
alpha = 4

[evaluation]
metrics = ["exact_match"]
slices = ["kind"]
resamples = 50

[evaluation.generation]
max_new_tokens = 16

[launch]
device = "cpu"
"""


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """Return a byte-level BPE with ChatML's tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def llama_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the tensors of a tiny Llama."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    keys = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden),
        "model.norm.weight": (hidden,),
    }
    for layer in range(config["num_hidden_layers"]):
        start = f"model.layers.{layer}"
        shapes |= {
            f"{start}.input_layernorm.weight": (hidden,),
            f"{start}.post_attention_layernorm.weight": (hidden,),
            f"{start}.self_attn.q_proj.weight": (hidden, hidden),
            f"{start}.self_attn.k_proj.weight": (keys, hidden),
            f"{start}.self_attn.v_proj.weight": (keys, hidden),
            f"{start}.self_attn.o_proj.weight": (hidden, hidden),
            f"{start}.mlp.gate_proj.weight": (inner, hidden),
            f"{start}.mlp.up_proj.weight": (inner, hidden),
            f"{start}.mlp.down_proj.weight": (hidden, inner),
        }
    return shapes


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model folder: a 2-layer Llama with a tokenizer and ChatML."""
    return write_model(tmp_path_factory.mktemp("tiny-model"))


@pytest.fixture(scope="session")
def wide_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with layers wide enough for weights in 4 bits."""
    return write_model(tmp_path_factory.mktemp("wide-model"), **WIDE)


def write_model(folder: Path, **sizes: int) -> Path:
    """Write a Llama with a tokenizer and ChatML into ``folder``; ``sizes`` replace its sizes."""
    texts = [
        f"What is the capital of {land}? user assistant {city}." for land, city in CAPITALS.items()
    ]
    tokenizer = train_tokenizer(texts)
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"chat_template": CHATML, "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    names["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(names), encoding="utf-8")
    config: dict[str, Any] = {**LLAMA, **sizes, "vocab_size": tokenizer.get_vocab_size()}
    (folder / "config.json").write_text(json.dumps(config))
    chance = np.random.default_rng(0)
    save_file(
        {n: chance.standard_normal(s).astype("<f4") / 10 for n, s in llama_shapes(config).items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    return folder


@dataclass
class Heard(Observer):
    """Keeps what an observer hears."""

    phases: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    run: Path | None = None

    def phase(self, name: str) -> None:
        self.phases.append(name)

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def started(self, run_folder: str) -> None:
        self.run = Path(run_folder)

    def event(self, event: Event) -> None:
        self.events.append(event)


@dataclass
class Toy:
    """A place to run the toy backend in: recipe, cache, home and run directories below ``root``."""

    root: Path
    recipe: Path
    runs: Path
    cache: Path
    home: Path
    heard: Heard = field(default_factory=Heard)

    def plugins(self) -> Plugins:
        """Return the installed plugins, the toy among them."""
        return load_plugins()

    def prepare(self, *overrides: str) -> Prepared:
        """Plan a run of the recipe."""
        loaded = load_recipe(self.recipe, overrides=overrides)
        return prepare(loaded, self.plugins(), notify=self.heard.notice)

    def run(self, *overrides: str) -> Outcome:
        """Plan and execute a run of the recipe in this very Python."""
        prepared = self.prepare(*overrides)
        return execute(prepared, runs=self.runs, observer=self.heard, python="current")

    def last(self) -> RunFolder:
        """Return the run that was started last."""
        assert self.heard.run is not None
        return RunFolder(self.heard.run)


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write JSON lines."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def toy(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The toy backend installed, with a recipe of ten rows for it."""
    place = Toy(*(tmp_path / name for name in ("", "recipe.toml", "runs", "cache", "home")))
    place.home.mkdir()
    place.recipe.write_text(RECIPE.format(model=tiny_model), encoding="utf-8")
    rows = [
        {"prompt": f"What is the capital of {land}?", "completion": f"{city}."}
        for land, city in CAPITALS.items()
    ]
    write_rows(tmp_path / "train.jsonl", rows)
    asked = [
        {"prompt": f"Which is the capital of {land}?", "completion": f"{city}.", "kind": kind}
        for (land, city), kind in zip(CAPITALS.items(), "aabbb", strict=False)
    ]
    write_rows(tmp_path / "test.jsonl", asked)
    monkeypatch.setenv("FT_CACHE", str(place.cache))
    monkeypatch.setenv("HOME", str(place.home))
    for name in ("FT_TOY", "FT_DEVICE", "FT_RUNS", "FT_DISABLE_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.syspath_prepend(TOY_SITE)
    yield place
    for name in [name for name in sys.modules if name.partition(".")[0] == "ft_toy"]:
        del sys.modules[name]


@pytest.fixture
def toy_site() -> Path:
    """The folder to put on a Python path for the toy to be installed there."""
    return TOY_SITE


@pytest.fixture
def make_job(tmp_path: Path, tiny_model: Path) -> Callable[..., Job]:
    """A function that returns a job in ``tmp_path / "run"``; keywords replace its fields."""

    def make(stages: list[Stage] | None = None, **changes: Any) -> Job:
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        values: dict[str, Any] = {
            "version": 1,
            "run": "run",
            "folder": str(folder),
            "backend": "toy",
            "trainer": "ft_toy.worker:ToyTrainer",
            "evaluator": "ft_toy.worker:ToyEvaluator",
            "exporter": "ft_toy.worker:ToyExporter",
            "device": "cpu",
            "threads": None,
            "world_size": 1,
            "model": ModelRef(str(tiny_model), "float32", "sdpa", False),
            "settings": make_settings(),
            "stages": stages or [],
        }
        return Job(**{**values, **changes})

    return make


def make_settings(**changes: Any) -> TrainSettings:
    """Return training settings; keywords replace fields."""
    values: dict[str, Any] = {
        "method": "lora",
        "loss": "standard",
        "steps": 4,
        "epochs": 1.0,
        "batch_size": 2,
        "accumulation": 1,
        "learning_rate": 1e-3,
        "scheduler": "linear",
        "warmup_steps": 0,
        "optimizer": "adamw",
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "precision": "fp32",
        "gradient_checkpointing": False,
        "padding_multiple": 8,
        "seed": 7,
        "eval_every": None,
        "patience": None,
        "load_best": False,
        "save_every": None,
        "keep_checkpoints": 2,
        "pad_id": 1,
        "trainable_parameters": 100,
        "lora": LoraSettings(2, 4.0, 0.0, ["q_proj"], False, False, "default", None),
    }
    return TrainSettings(**{**values, **changes})


@pytest.fixture(name="make_settings")
def make_settings_fixture() -> Callable[..., TrainSettings]:
    """A function that returns training settings; keywords replace fields."""
    return make_settings
