"""What every backend must keep to, asked of all that are installed and of the toy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from ftcore.backends import BackendSpec
from ftcore.code_folder import CHILD_PARTS
from ftcore.engine.capabilities import BACKEND_FIELDS
from ftcore.environments.lock import read_lock
from ftcore.hookspecs import HOOK_API
from ftcore.plugins import load_plugins

SITE = Path(__file__).parents[1] / "toy"
HEAVY = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "swift", "llamafactory")
STATES = ("exact", "approximate", "unsupported", "not_yet")


def installed() -> dict[str, BackendSpec]:
    """Return the backends, found as a user's `ft` finds them, the toy on the path."""
    sys.path.insert(0, str(SITE))
    try:
        return load_plugins(disabled=()).backends()
    finally:
        sys.path.remove(str(SITE))


SPECS = installed()


@pytest.fixture(params=sorted(SPECS))
def spec(request: pytest.FixtureRequest) -> BackendSpec:
    return SPECS[request.param]


def test_the_first_party_backend_is_there():
    assert {"toy", "trl"} <= set(SPECS)


def test_no_plugin_is_broken():
    problems = {info.name: info.problem for info in load_plugins(disabled=()).infos if info.problem}
    assert problems == {}


def test_the_declaration_is_whole(spec: BackendSpec):
    assert spec.hook_api == HOOK_API
    assert spec.name.isidentifier()
    assert spec.summary
    assert not spec.summary.endswith(".")
    assert spec.version
    assert spec.package.is_dir()
    assert (spec.package / "__init__.py").is_file()
    environment = spec.environment
    assert environment.name
    assert environment.version == spec.version
    assert environment.imports
    assert environment.torch == "" or environment.torch[0].isdigit()


def test_it_runs_on_a_python_that_ft_supports(spec: BackendSpec):
    range_ = SpecifierSet(spec.environment.requires_python)
    assert any(f"3.{minor}.5" in range_ for minor in (11, 12, 13))
    assert "3.10.9" not in range_


def test_every_field_of_the_recipe_is_declared(spec: BackendSpec):
    declared = {name.partition("=")[0] for name in spec.capabilities}
    assert set(BACKEND_FIELDS) - declared == set()


def test_nothing_else_is_declared(spec: BackendSpec):
    """A misspelt field would be unsupported in silence."""
    declared = {name.partition("=")[0] for name in spec.capabilities}
    assert declared - set(BACKEND_FIELDS) == set()


def test_what_is_not_exact_says_how(spec: BackendSpec):
    for name, capability in spec.capabilities.items():
        assert capability.state in STATES, name
        assert capability.state == "exact" or capability.note, name
        assert set(capability.devices) <= {"cpu", "cuda", "mps"}, name


def test_the_lock_pins_everything_but_torch_by_hash(spec: BackendSpec):
    pins = read_lock(spec.environment.lock)
    assert pins
    assert not {pin.name for pin in pins} & {"torch", "torchvision", "torchaudio", "ftcore"}
    text = spec.environment.lock.read_text(encoding="utf-8")
    # Every pin is followed by at least one hash.
    blocks = text.replace("\\\n", " ").splitlines()
    unpinned = [line for line in blocks if "==" in line and "--hash=sha256:" not in line]
    assert unpinned == []
    assert spec.environment.lock.is_relative_to(spec.package)


@pytest.mark.parametrize("hook", ["trainer", "evaluator", "exporter", "native_evaluator"])
def test_hooks_are_named_as_text_and_lie_in_the_package(spec: BackendSpec, hook: str):
    """Read, not imported: the engine is not installed here."""
    named = getattr(spec, hook)
    if named is None:
        assert hook == "native_evaluator"
        return
    module, colon, name = named.partition(":")
    package, _, rest = module.partition(".")
    assert colon
    assert package == spec.package.name
    source = (spec.package / (rest.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    classes = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)}
    assert name in classes


PROBE = """
import importlib.metadata, json, sys
before = set(sys.modules)
entry, = [e for e in importlib.metadata.entry_points(group="ft") if e.name == sys.argv[1]]
entry.load()
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_plugin_imports_nothing_heavy(spec: BackendSpec):
    """Only the standard library, pluggy, and what `import ftcore` has anyway."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, spec.name],
        env={"PYTHONPATH": str(SITE)},
        capture_output=True,
        text=True,
        check=True,
    )
    tops = {name.partition(".")[0] for name in json.loads(done.stdout)}
    foreign = {top for top in tops if top not in sys.stdlib_module_names} - {
        "ftcore",
        "pluggy",
        spec.package.name,
    }
    assert not foreign & set(HEAVY)
    assert not {top for top in foreign if not top.startswith("_")}
    modules = json.loads(done.stdout)
    assert f"{spec.package.name}.worker" not in modules


def test_the_worker_side_imports_only_what_is_copied(spec: BackendSpec):
    """In a worker there are the child's parts of ftcore, and nothing else of it."""
    parts = {name.removesuffix(".py") for name in CHILD_PARTS}
    for path in spec.package.rglob("*.py"):
        if path.name == "plugin.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ftcore"):
                module = str(node.module).split(".")
                names = [module[1]] if len(module) > 1 else [alias.name for alias in node.names]
                assert set(names) <= parts, (path.name, node.module)


def test_what_no_value_of_a_field_can_do_is_said_of_the_field(spec: BackendSpec):
    """An unknown value of a declared field is never exact by accident."""
    for field in ("train.method", "model.quantization", "launch.strategy"):
        assert spec.capability(field, "something new").state != "exact"
