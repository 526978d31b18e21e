"""Which of ms-swift's model types an architecture gets, asked of ms-swift's own registry."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine.observer import Observer
from ftcore.environments.build import ensure
from ftcore.launcher import worker_environment
from ftcore.plugins import load_plugins

pytestmark = pytest.mark.heavy

# (transformers' model type, architecture) -> ms-swift's model type; "" is refused.
KNOWN = {
    ("llama", "LlamaForCausalLM"): "llama",
    ("qwen2", "Qwen2ForCausalLM"): "qwen2",
    ("qwen3", "Qwen3ForCausalLM"): "qwen3",
    ("qwen3_moe", "Qwen3MoeForCausalLM"): "qwen3_moe",
    ("mistral", "MistralForCausalLM"): "mistral",
    ("gemma2", "Gemma2ForCausalLM"): "gemma2",
    ("gemma3_text", "Gemma3ForCausalLM"): "gemma3_text",
    ("phi", "PhiForCausalLM"): "phi2",
    ("phi3", "Phi3ForCausalLM"): "phi3",
    ("internlm2", "InternLM2ForCausalLM"): "internlm2",
    ("something", "SomethingForCausalLM"): "",
    ("qwen2_vl", "Qwen2VLForConditionalGeneration"): "",
}
PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from ftcore.errors import UnsupportedError
from ft_swift.model_type import model_type
found = []
for folder in sys.argv[2:]:
    try:
        found.append(model_type(Path(folder)))
    except UnsupportedError as error:
        assert "--backend trl" in error.hint, error.hint
        found.append("")
print(json.dumps(found))
"""


def test_model_types(tmp_path: Path):
    spec = load_plugins().backend("swift")
    environment = ensure(spec.environment, device="cpu", notify=Observer().notice)
    for kind, architecture in KNOWN:
        (tmp_path / kind).mkdir()
        config = {"model_type": kind, "architectures": [architecture]}
        (tmp_path / kind / "config.json").write_text(json.dumps(config), encoding="utf-8")
    code = code_folder(cache_dir(), spec.package)
    folders = [str(tmp_path / kind) for kind, _ in KNOWN]
    done = subprocess.run(
        [str(environment.python), "-I", "-c", PROBE, str(code), *folders],
        env=worker_environment(tmp_path / "home", None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == list(KNOWN.values())
