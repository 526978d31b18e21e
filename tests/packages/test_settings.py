from pathlib import Path

import pytest

from ftcore.packages.settings import package_settings, pip_config_files, redact


def config(folder: Path, text: str) -> Path:
    path = folder / "pip.conf"
    path.write_text(text)
    return path


def test_pip_variables_become_uv_variables(tmp_path: Path):
    settings = package_settings(
        {
            "PATH": "/bin",
            "PIP_INDEX_URL": "https://mirror.example/simple",
            "PIP_EXTRA_INDEX_URL": "https://one.example/simple https://two.example/simple",
            "PIP_FIND_LINKS": str(tmp_path),
            "PIP_TRUSTED_HOST": "mirror.example",
            "PIP_PROXY": "http://proxy.example:8080",
        },
        [],
    )
    assert settings.environment["PATH"] == "/bin"
    assert settings.environment["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert settings.environment["UV_INDEX"].split() == [
        "https://one.example/simple",
        "https://two.example/simple",
    ]
    assert settings.environment["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert settings.environment["UV_FIND_LINKS"] == str(tmp_path)
    assert settings.environment["UV_INSECURE_HOST"] == "mirror.example"
    assert settings.environment["ALL_PROXY"] == "http://proxy.example:8080"
    assert settings.own_index
    assert settings.find_links_folders() == [tmp_path]


def test_what_the_user_told_uv_wins(tmp_path: Path):
    settings = package_settings(
        {
            "PIP_INDEX_URL": "https://pip.example/simple",
            "UV_DEFAULT_INDEX": "https://uv.example/simple",
            "PIP_FIND_LINKS": str(tmp_path),
            "UV_FIND_LINKS": "https://uv.example/wheels",
        },
        [],
    )
    assert settings.environment["UV_DEFAULT_INDEX"] == "https://uv.example/simple"
    assert settings.environment["UV_FIND_LINKS"] == "https://uv.example/wheels"
    assert settings.find_links_folders() == []


def test_a_variable_wins_over_a_file_and_a_later_file_over_an_earlier(tmp_path: Path):
    (tmp_path / "user").mkdir()
    machine = config(
        tmp_path,
        "[global]\nindex-url = https://machine.example\nextra-index-url = https://x.example\n",
    )
    user = config(tmp_path / "user", "[global]\nindex-url = https://user.example\n")
    assert (
        package_settings({}, [machine, user]).environment["UV_DEFAULT_INDEX"]
        == "https://user.example"
    )
    settings = package_settings({"PIP_INDEX_URL": "https://variable.example"}, [machine, user])
    assert settings.environment["UV_DEFAULT_INDEX"] == "https://variable.example"
    assert settings.environment["UV_INDEX"] == "https://x.example"


def test_local_sources_that_do_not_exist_are_left_out(tmp_path: Path):
    gone = tmp_path / "gone"
    settings = package_settings(
        {"PIP_EXTRA_INDEX_URL": f"file://{gone} file://{tmp_path}", "PIP_FIND_LINKS": str(gone)}, []
    )
    assert settings.environment["UV_INDEX"] == f"file://{tmp_path}"
    assert "UV_FIND_LINKS" not in settings.environment
    assert len(settings.notes) == 2


def test_a_certificate_is_passed_if_it_exists(tmp_path: Path):
    file = tmp_path / "ca.pem"
    assert "SSL_CERT_FILE" not in package_settings({"PIP_CERT": str(file)}, []).environment
    file.write_text("")
    assert package_settings({"PIP_CERT": str(file)}, []).environment["SSL_CERT_FILE"] == str(file)


def test_another_python_does_not_leak_in():
    settings = package_settings({"PYTHONPATH": "/x", "VIRTUAL_ENV": "/y", "UV_PYTHON": "/z"}, [])
    assert settings.environment == {}


def test_no_index_is_heard(tmp_path: Path):
    assert package_settings({}, [config(tmp_path, "[install]\nno-index = true\n")]).no_index
    assert not package_settings({}, []).no_index


def test_a_broken_file_is_passed_over(tmp_path: Path):
    assert package_settings({}, [config(tmp_path, "index-url without a section\n")]).notes == ()


def test_pips_places_of_configuration(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.platform", "linux")
    places = [
        str(path) for path in pip_config_files({"HOME": "/h", "PIP_CONFIG_FILE": "/c/own.conf"})
    ]
    assert places[:2] == ["/etc/xdg/pip/pip.conf", "/etc/pip.conf"]
    assert places[2:4] == ["/h/.pip/pip.conf", "/h/.config/pip/pip.conf"]
    assert places[-1] == "/c/own.conf"
    assert pip_config_files({"PIP_CONFIG_FILE": "/dev/null"}) == []


def test_secrets_are_removed_from_addresses():
    assert redact("GET https://me:pass@host/simple") == "GET https://***@host/simple"
    assert redact("https://token@host/a?token=abc&x=1") == "https://***@host/a?token=***&x=1"
    assert redact("see https://host/simple@1") == "see https://host/simple@1"
