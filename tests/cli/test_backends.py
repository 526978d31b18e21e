from __future__ import annotations

import pytest

from ftcore.engine.capabilities import BACKEND_FIELDS


def test_list(ft, toy):
    said = ft("backends", "list")
    assert "Learns answers by heart" in said.out
    names = [backend["name"] for backend in ft("backends", "list", "--json").data["backends"]]
    assert "toy" in names


def test_list_says_what_is_disabled(ft, toy, monkeypatch):
    monkeypatch.setenv("FT_DISABLE_PLUGINS", "toy")
    assert "plugin toy (ft-toy 0.1.0) is disabled" in ft("backends", "list").out


def test_show_has_every_field(ft, toy):
    data = ft("backends", "show", "toy", "--json").data
    assert list(dict.fromkeys(line["field"] for line in data["capabilities"])) == [*BACKEND_FIELDS]
    found = {(line["field"], line["value"]): line for line in data["capabilities"]}
    assert found["train.method", "lora"]["state"] == "exact"
    assert found["train.method", "full"]["state"] == "unsupported"
    assert found["train.method", "ia3"]["state"] == "unsupported"
    assert found["model.quantization", None]["state"] == "unsupported"
    assert found["train.lora.dora", None]["state"] == "unsupported"
    assert found["train.loss", "engine"]["state"] == "approximate"
    assert found["train.precision", "fp16"]["devices"] == ["cuda"]


def test_show_as_a_table(ft, toy):
    lines = ft("backends", "show", "toy").out.splitlines()
    assert lines[0] == "toy 0.1.0: Learns answers by heart"
    (line,) = [line for line in lines if line.startswith("train.precision = fp16")]
    assert line.split() == ["train.precision", "=", "fp16", "exact", "cuda", "needs", "a", "GPU"]


def test_show_names_the_engines_own_arguments(ft, toy):
    assert ft("backends", "show", "toy", "--json").data["engine_options"] == []
    assert "tf32" in ft("backends", "show", "trl", "--json").data["engine_options"]
    assert "learning_rate" not in ft("backends", "show", "trl", "--json").data["engine_options"]
    assert "[backend.trl] takes " in ft("backends", "show", "trl").out


def test_remove_without_environments(ft, toy):
    assert ft("backends", "remove", "toy").out == "toy has no environment here\n"
    assert "unknown backend" in ft("backends", "remove", "tyo").refused(2)


@pytest.mark.heavy
def test_install_and_remove(ft, toy, toy_site, install_backend):
    lock = (toy_site / "ft_toy" / "locks" / "lock.txt").read_text("utf-8")
    install_backend("small", lock)
    said = ft("backends", "install", "small")
    assert said.code == 0, said.err
    assert said.out.startswith("small: built, ")
    again = ft("backends", "install", "small", "--quiet")
    assert again.out.startswith("small: ready already, ")
    assert again.err == ""
    assert "small-" in ft("backends", "list").out
    assert "nobody is here to ask" in ft("backends", "remove", "small").refused(2)
    removed = ft("backends", "remove", "small", "--yes", "--json").data["removed"]
    assert len(removed) == 1
    assert ft("backends", "remove", "small").out == "small has no environment here\n"
