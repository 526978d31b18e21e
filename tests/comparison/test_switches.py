from dataclasses import asdict

from ftcore.comparison.switches import catalogue, merged, option, setting


def test_switches_add_up():
    found = merged([setting(beta2=0.95), option(rows="x"), {"dtype": "bfloat16"}, setting(seed=1)])
    assert found == {
        "settings": {"beta2": 0.95, "seed": 1},
        "options": {"rows": "x"},
        "dtype": "bfloat16",
    }
    assert merged([]) == {}


def test_nothing_is_tried_that_is_so_already(make_settings):
    settings = asdict(make_settings(accumulation=2))
    tried = list(catalogue(settings))
    assert len({repr(switch) for _, _, _, switch in tried}) == len(tried)
    for _, _, sentence, switch in tried:
        assert sentence
        for name, value in switch.get("settings", {}).items():
            assert settings[name] != value, name


def test_one_micro_batch_has_one_mean(make_settings):
    codes = {code for code, *_ in catalogue(asdict(make_settings(accumulation=1)))}
    assert "normalisation" not in codes
