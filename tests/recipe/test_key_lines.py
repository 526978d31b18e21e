import tomllib

import pytest

from ftcore.recipe.key_lines import dotted, field_path, key_lines, split_key

TEXT = '''\
# a comment with a = 1
name = "x" # another
"quoted key".'and.this' = 1

[data]
text = """
fake = 1
[fake]
"""
lit = \'\'\'
fake = 2\'\'\'
train = [
  "a", # one
  # nothing
  { path = "b", weight = 2.0 },
  [1,
   2],
]
when = 1979-05-27 07:32:00
escaped = "\\" = 3"

[train.lora]
rank = 1
[train]
a.b.c = 2
a.b.d = 3

[[data.clean]]
name = "first"
[data.clean.options]
x = 1
[[data.clean]]
options = { y = { z = 1 } }
[[data.clean.inner]]
k = 1
[[data.clean.inner]]
k = 2
'''

EXPECTED = {
    ("name",): 2,
    ("quoted key", "and.this"): 3,
    ("data",): 5,
    ("data", "text"): 6,
    ("data", "lit"): 10,
    ("data", "train"): 12,
    ("data", "train", 0): 13,
    ("data", "train", 1): 15,
    ("data", "train", 1, "weight"): 15,
    ("data", "train", 2): 16,
    ("data", "train", 2, 1): 17,
    ("data", "when"): 19,
    ("data", "escaped"): 20,
    ("train",): 24,
    ("train", "lora"): 22,
    ("train", "lora", "rank"): 23,
    ("train", "a", "b"): 25,
    ("train", "a", "b", "d"): 26,
    ("data", "clean", 0): 28,
    ("data", "clean", 0, "name"): 29,
    ("data", "clean", 0, "options", "x"): 31,
    ("data", "clean", 1): 32,
    ("data", "clean", 1, "options", "y", "z"): 33,
    ("data", "clean", 1, "inner", 0, "k"): 35,
    ("data", "clean", 1, "inner", 1): 36,
    ("data", "clean", 1, "inner", 1, "k"): 37,
}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_of_every_shape(newline):
    lines = key_lines(TEXT.replace("\n", newline))
    assert {path: lines.get(path) for path in EXPECTED} == EXPECTED
    assert not any("fake" in path for path in lines)


def paths(value, path=()):
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        return
    for key, item in inner:
        yield (*path, key)
        yield from paths(item, (*path, key))


def test_every_path_has_a_line():
    lines = key_lines(TEXT)
    assert set(lines) == set(paths(tomllib.loads(TEXT)))


def test_an_empty_text_has_no_keys():
    assert key_lines("") == {}
    assert key_lines("# only this") == {}


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("a.b", ("a", "b")),
        ('a."b.c"', ("a", "b.c")),
        ("a . b", ("a", "b")),
        ("", None),
        ("a..b", None),
        ("a = 1\nb", None),
        ("a b", None),
    ],
)
def test_dotted_keys(key, parts):
    assert split_key(key) == parts


def test_paths_as_text():
    path = ("data", "train", 1, "path")
    assert dotted(path) == "data.train[1].path"
    assert field_path("data.train[1].path") == path
    assert dotted(("a", 'b"\\ c', "")) == 'a."b\\"\\\\ c".""'
