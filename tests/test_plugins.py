"""Plugins are found as they are installed: distributions with entry points on the path."""

import inspect
import logging
import subprocess
import sys
import textwrap
from importlib.metadata import EntryPoints, distributions

import pytest

from ftcore import hookspecs
from ftcore.backends import BackendSpec
from ftcore.errors import DataError, FtError, PluginError, Problem, RecipeError
from ftcore.plugins import load_plugins
from ftcore.protocol import Event
from ftcore.recipe.schema import Recipe

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("ft_")}

BACKEND = """
from pathlib import Path
from ftcore.backends import BackendSpec, EnvironmentSpec
from ftcore.hookspecs import hookimpl

@hookimpl
def ft_backends():
    package = Path(__file__).parent
    environment = EnvironmentSpec("{name}", "1", package / "lock.txt", "", ">=3.11", ())
    yield BackendSpec("{name}", "A test.", {api}, "1", package, environment, "w:T", "w:E", "w:X")
"""


def backend(name, api=1):
    return BACKEND.format(name=name, api=api)


def example(hook):
    """Return the code of the example in a hook's docstring."""
    return textwrap.dedent(inspect.getdoc(hook).partition("Example::\n")[2])


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install distributions with one plugin each; the house's own plugins are out of sight."""
    site = tmp_path / "site"
    site.mkdir()
    modules = []

    def install(distribution, name, code, version="1.2"):
        module = f"plugin_{distribution}_{name}".replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Name: {distribution}\nVersion: {version}\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(("" if file.tell() else "[ft]\n") + f"{name} = {module}\n")
        modules.append(module)
        return module

    def only_here(group):
        found = [entry for dist in distributions(path=[str(site)]) for entry in dist.entry_points]
        return EntryPoints(entry for entry in found if entry.group == group)

    monkeypatch.syspath_prepend(site)
    monkeypatch.setattr("ftcore.plugins.entry_points", only_here)
    monkeypatch.delenv("FT_DISABLE_PLUGINS", raising=False)
    yield install
    for module in modules:
        sys.modules.pop(module, None)


def test_a_backend_is_found(install):
    install("ft-demo", "demo", backend("demo"))
    plugins = load_plugins()
    (info,) = plugins.infos
    assert (info.name, info.distribution, info.version) == ("demo", "ft-demo", "1.2")
    assert (info.state, info.hooks, info.backends) == ("loaded", ("ft_backends",), ("demo",))
    assert isinstance(plugins.backend("demo"), BackendSpec)
    assert list(plugins.backends()) == ["demo"]


def test_without_plugins_nothing_is_known(install):
    plugins = load_plugins()
    assert plugins.infos == []
    with pytest.raises(RecipeError, match="unknown backend 'trl'") as caught:
        plugins.backend("trl")
    assert caught.value.hint == "backends: none is installed"


def test_an_unknown_backend_names_the_nearest_and_what_is_broken(install):
    install("ft-demo", "demo", backend("demo"))
    install("ft-other", "other", "import no_such_engine")
    with pytest.raises(RecipeError) as caught:
        load_plugins().backend("dmeo")
    assert caught.value.code == "recipe.unknown-backend"
    assert caught.value.hint == (
        "did you mean demo? backends: demo; other (ft-other 1.2) is broken"
    )


@pytest.mark.parametrize("name", ["demo", "FT_Demo", " ft.demo "])
def test_a_disabled_plugin_is_not_imported(install, monkeypatch, name):
    module = install("ft-demo", "demo", backend("demo"))
    monkeypatch.setenv("FT_DISABLE_PLUGINS", f"x,{name},")
    plugins = load_plugins()
    assert module not in sys.modules
    assert plugins.infos[0].state == "disabled"
    assert plugins.backends() == {}
    with pytest.raises(PluginError, match="is disabled") as caught:
        plugins.backend("demo")
    assert caught.value.code == "plugin.disabled"


def test_the_argument_wins_over_the_environment(install, monkeypatch):
    install("ft-demo", "demo", backend("demo"))
    monkeypatch.setenv("FT_DISABLE_PLUGINS", "demo")
    assert list(load_plugins(disabled=[]).backends()) == ["demo"]
    assert load_plugins(disabled=["ft-demo"]).backends() == {}


IMPL = "from ftcore.hookspecs import hookimpl\n\n@hookimpl\n"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import no_such_engine", "ModuleNotFoundError: No module named 'no_such_engine'"),
        ("x =", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("raise RuntimeError", "RuntimeError: no message"),
        (IMPL + "def ft_backends(engine): return []", "PluginValidationError"),
        (IMPL + "def ft_backend(): return []", "there is no hook ft_backend, did you mean ft_back"),
        (IMPL + "def ft_backends(): return 3", "TypeError: 'int' object is not iterable"),
        (IMPL + "def ft_backends(): return [3]", "ft_backends gave a int, not a BackendSpec"),
        (IMPL + "def ft_backends(): yield 1 / 0", "ZeroDivisionError"),
        ("def ft_backends(): return []", "it implements no hook: is @hookimpl missing?"),
        (backend("demo", api=2), "backend 'demo' was written for hook API 2, this ftcore has 1"),
        (
            backend("demo")
            + "    yield BackendSpec('demo', '', 1, '', package, environment, *'abc')",
            "it brings the backend 'demo' twice",
        ),
    ],
)
def test_a_broken_plugin_is_kept_apart(install, code, problem):
    install("ft-broken", "demo", code)
    install("ft-fine", "fine", backend("fine"))
    plugins = load_plugins()
    broken, fine = plugins.infos
    assert fine.state == "loaded"
    assert plugins.backend("fine").name == "fine"
    assert broken.state == "broken"
    assert problem in broken.problem
    assert "Traceback" in broken.traceback
    with pytest.raises(PluginError, match=r"demo \(ft-broken 1.2\)") as caught:
        plugins.backend("demo")
    assert (caught.value.code, caught.value.exit_code) == ("plugin.broken", 4)
    assert caught.value.details["traceback"] == broken.traceback
    assert plugins.metrics() == []


def test_two_plugins_that_claim_one_backend(install):
    install("ft-one", "one", backend("demo"))
    install("ft-two", "two", backend("demo"))
    plugins = load_plugins()
    assert plugins.backends() == {}
    with pytest.raises(PluginError) as caught:
        plugins.backend("demo")
    assert "one (ft-one 1.2) and two (ft-two 1.2)" in caught.value.message
    assert caught.value.code == "plugin.conflict"
    assert load_plugins(disabled=["one"]).backend("demo").name == "demo"


def test_one_distribution_may_bring_two_plugins_and_two_may_share_a_name(install):
    install("ft-one", "a", backend("a"))
    install("ft-one", "b", backend("b"))
    install("ft-two", "a", backend("c"))
    assert sorted(load_plugins().backends()) == ["a", "b", "c"]


def test_every_hook_has_an_example_that_loads(install):
    for name, hook in HOOKS.items():
        install(f"ft-{name.replace('_', '-')}", name, example(hook))
    plugins = load_plugins()
    assert [info.problem for info in plugins.infos] == [None] * len(HOOKS)
    assert {hook for info in plugins.infos for hook in info.hooks} == set(HOOKS)


def test_the_example_of_backends(install):
    install("ft-x", "x", example(hookspecs.ft_backends))
    spec = load_plugins().backend("my-engine")
    assert spec.capability("train.method", "lora").state == "exact"
    assert spec.capability("train.method", "full").state == "unsupported"


def test_the_example_of_data_formats(install):
    install("ft-x", "x", example(hookspecs.ft_data_formats))
    (reader,) = load_plugins().data_formats()
    turns, fields = reader.read({"riddle": "?", "solution": "!", "level": 2}, None)
    assert [turn.content for turn in turns] == ["?", "!"]
    assert fields == {"level": 2}


def test_the_example_of_cleaning_steps(install):
    from ftcore.data.cleaning import Removed, StepContext
    from ftcore.data.rows import Row, Source
    from ftcore.rendering.messages import Message

    install("ft-x", "x", example(hookspecs.ft_cleaning_steps))
    (step,) = load_plugins().cleaning_steps()
    drop = step(step.Options(), StepContext())
    rows = [
        Row("1", (Message("user", "q"), Message("assistant", answer)), Source("a", 1))
        for answer in ("yes", "lorem ipsum dolor")
    ]
    assert drop.row(rows[0]) == (rows[0],)
    assert drop.row(rows[1]) == Removed("the answer holds 'lorem ipsum'")


def test_the_example_of_metrics(install):
    from ftcore.evaluation.metric import Example, MetricContext

    install("ft-x", "x", example(hookspecs.ft_metrics))
    (metric,) = load_plugins().metrics()
    row = Example("1", (), "short", "longer than that")
    assert metric().score_row(row, MetricContext()) == (0.0, 1.0)


def recipe(rank=8):
    return Recipe.model_validate(
        {
            "name": "x",
            "model": {"id": "m"},
            "data": {"train": "a"},
            "train": {"lora": {"rank": rank}},
        }
    )


def test_the_example_of_recipe_problems(install):
    install("ft-x", "x", example(hookspecs.ft_recipe_problems))
    plugins = load_plugins()
    assert plugins.recipe_problems(recipe()) == []
    (problem,) = plugins.recipe_problems(recipe(512))
    assert isinstance(problem, Problem)
    assert problem.code == "my-house.rank"


def event(**data):
    return Event(1, 0, 0.0, "metric", "train", 0, data)


def test_the_example_of_run_events(install, tmp_path):
    install("ft-x", "x", example(hookspecs.ft_run_event))
    plugins = load_plugins()
    plugins.run_event(tmp_path, event(step=1, loss=0.5))
    plugins.run_event(tmp_path, event(step=2, loss=0.25))
    assert (tmp_path / "my-losses.txt").read_text() == "1 0.5\n2 0.25\n"


def test_the_example_of_error_hints(install):
    install("ft-x", "x", example(hookspecs.ft_error_hints))
    plugins = load_plugins()
    assert plugins.error_hints(DataError("x")) == []
    full = FtError("x", code="machine.disk")
    assert plugins.error_hints(full) == ["our machines have room under /scratch"]


def test_a_single_hint_is_not_taken_apart(install):
    install("ft-x", "x", IMPL + "def ft_error_hints(): return 'try again'")
    assert load_plugins().error_hints(FtError("x")) == ["try again"]


def test_an_observer_that_fails_is_called_no_more(install, tmp_path, caplog):
    install("ft-bad", "bad", IMPL + "def ft_run_event(event): raise OSError(event.data['n'])")
    install("ft-good", "good", IMPL + "def ft_run_event(run): run.joinpath('x').touch()")
    plugins = load_plugins()
    with caplog.at_level(logging.WARNING):
        for n in range(3):
            plugins.run_event(tmp_path, event(n=n))
    assert (tmp_path / "x").exists()
    assert [record.getMessage() for record in caplog.records] == [
        "bad (ft-bad 1.2) failed in ft_run_event and is left out there: OSError: 0"
    ]


def test_a_recipe_check_that_fails_is_not_skipped(install):
    install("ft-bad", "bad", IMPL + "def ft_recipe_problems(recipe): return recipe.nothing")
    with pytest.raises(PluginError, match=r"bad \(ft-bad 1.2\) failed in ft_recipe_problems"):
        load_plugins().recipe_problems(recipe())


def test_the_installed_plugins_are_found():
    assert ("trl", "ft-trl") in [(info.name, info.distribution) for info in load_plugins().infos]


def test_loading_plugins_imports_no_engine_and_no_schema():
    code = (
        "import sys, ftcore.plugins as p; p.load_plugins();"
        "print(*sorted({'pydantic', 'torch', 'transformers', 'numpy', 'trl', 'peft', 'datasets'}"
        " & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == ""
