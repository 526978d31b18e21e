import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftcore.environments.adopt import adopt
from ftcore.errors import BuildError

Maker = Callable[..., Any]


def test_the_current_python_with_its_differences(make_spec: Maker, said: list[str]):
    spec = make_spec(lock="six==0.1\npytest==0.2\nno-such-package==1\n", imports=("pytest",))
    found = adopt("current", spec, notify=said.append)
    assert found.adopted
    assert (str(found.python), found.built) == (sys.executable, False)
    assert found.key.startswith("own-")
    assert "no-such-package is missing, the lock has 1" in found.warnings
    assert any(line.startswith("pytest is ") for line in found.warnings)
    assert len(said) == 1 + len(found.warnings)
    with found.lease() as descriptor:
        assert descriptor is None


def test_what_agrees_with_the_lock_is_no_warning(make_spec: Maker, said: list[str]):
    spec = make_spec(lock=f"pytest=={pytest.__version__}\n", imports=("pytest",))
    assert adopt(sys.executable, spec, notify=said.append).warnings == ()


def test_a_python_without_the_engine_is_refused(make_spec: Maker, said: list[str]):
    with pytest.raises(BuildError, match="import no_such_engine: ModuleNotFoundError") as caught:
        adopt("current", make_spec(imports=("no_such_engine",)), notify=said.append)
    assert caught.value.code == "environment.adopted"


def test_what_is_no_python_is_refused(make_spec: Maker, said: list[str], tmp_path: Path):
    with pytest.raises(BuildError, match="did not answer"):
        adopt(tmp_path / "python", make_spec(), notify=said.append)
