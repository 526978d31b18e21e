from pathlib import Path

import pytest

from ftcore.environments.lock import Pin, pinned_versions, read_lock
from ftcore.errors import PluginError

TEXT = """# a comment
Ruamel_Yaml==0.18 \\
    --hash=sha256:00 \\
    --hash=sha256:01
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:02
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:03
windows-only==1 ; sys_platform == 'win32'
"""


def test_pins_with_markers(tmp_path: Path):
    path = tmp_path / "lock.txt"
    path.write_text(TEXT)
    assert read_lock(path)[0] == Pin("ruamel-yaml", "0.18")
    assert pinned_versions([path], "3.11") == {"ruamel-yaml": "0.18", "numpy": "2.4.6"}
    assert pinned_versions([path], "3.13.1")["numpy"] == "2.5.5"


@pytest.mark.parametrize("line", ["numpy>=2", "--index-url https://x", "numpy", "./local.whl"])
def test_anything_else_is_refused_with_its_line(tmp_path: Path, line: str):
    path = tmp_path / "lock.txt"
    path.write_text(f"six==1\n{line}\n")
    with pytest.raises(PluginError, match=r"lock\.txt:2 is not a pin"):
        read_lock(path)


def test_a_lock_that_is_not_there(tmp_path: Path):
    with pytest.raises(PluginError, match="cannot be read"):
        read_lock(tmp_path / "none")
