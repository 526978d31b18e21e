from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from ftcore import __version__
from ftcore.cli.app import app
from ftcore.cli.table import TABLE, Command, Group

HELP = Path(__file__).with_name("help.txt")
HEAVY = (
    "torch",
    "transformers",
    "datasets",
    "pydantic",
    "rich",
    "pluggy",
    "numpy",
    "tokenizers",
    "jinja2",
    "importlib.metadata",
    "ftcore.plugins",
)


def commands() -> list[tuple[str, Command]]:
    """Every command with its full name."""
    found = []
    for name, entry in TABLE.items():
        if isinstance(entry, Group):
            found += [(f"{name} {inner}", command) for inner, command in entry.commands.items()]
        else:
            found.append((name, entry))
    return found


def imported(*arguments: str) -> set[str]:
    """Return the modules that a process imports for a command."""
    code = (
        "import json, sys\n"
        "from ftcore.cli import main\n"
        f"main({list(arguments)!r})\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stderr))


@pytest.mark.parametrize(("name", "entry"), commands(), ids=[name for name, _ in commands()])
def test_table_says_what_the_commands_say(name, entry):
    command = import_module(f"ftcore.cli.{entry.module}").command
    assert isinstance(command, click.Command)
    assert command.get_short_help_str(limit=200) == entry.help
    assert command.name == name.rpartition(" ")[2]
    assert len(entry.help) <= 60


def test_every_command_module_is_in_the_table():
    folder = Path(import_module("ftcore.cli").__file__).parent
    holding = {
        path.stem for path in folder.glob("*.py") if "\ndef command(" in path.read_text("utf-8")
    }
    assert holding == {entry.module for _, entry in commands()}


def test_help_is_golden(ft):
    said = ft("--help")
    assert said.code == 0
    assert said.out == HELP.read_text("utf-8")


def test_nothing_asked_for_is_help(ft):
    assert ft().out == HELP.read_text("utf-8")
    assert ft("runs").out == ft("runs", "--help").out


@pytest.mark.parametrize("arguments", [("--version",), ("--version", "run")])
def test_version(ft, arguments):
    said = ft(*arguments)
    assert (said.code, said.out) == (0, f"ft {__version__}\n")


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_help(ft, name):
    said = ft(*name.split(), "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: ft {name}")


def test_version_imports_no_click():
    assert not imported("--version") & {"click", "argparse", *HEAVY}


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ("data", "--help")])
def test_help_imports_nothing_heavy(arguments):
    found = imported(*arguments)
    assert not found & set(HEAVY)
    rooms = {name.split(".")[1] for name in found if name.startswith("ftcore.")}
    assert rooms <= {"cli", "errors", "_version"}


def test_group_help_imports_no_command():
    assert not imported("--help") & {f"ftcore.cli.{entry.module}" for _, entry in commands()}


def test_python_module(ft_process):
    assert ft_process("--version").out == f"ft {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (("rnu",), "run"),
        (("data", "chek"), "check"),
        (("run", "x.toml", "--profil", "a"), "--profile"),
        (("zzz",), "Commands: run"),
        (("completion", "powershell"), "'fish'"),
        (("run",), "RECIPE"),
    ],
)
def test_usage_errors_say_what_is_near(ft, arguments, near):
    text = ft(*arguments).refused(2)
    assert near in text
    assert "--help` shows what there is" in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(ft, shell):
    said = ft("completion", shell)
    assert said.code == 0
    assert "_FT_COMPLETE" in said.out


def test_completion_completes(ft_process):
    said = ft_process(_FT_COMPLETE="bash_complete", COMP_WORDS="ft ru", COMP_CWORD="1")
    assert said.out.split() == ["plain,run", "plain,runs"]


def test_root_is_a_lazy_group():
    assert app.list_commands(click.Context(app)) == list(TABLE)
