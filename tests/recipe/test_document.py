import pytest

from ftcore.errors import RecipeError
from ftcore.recipe.document import parse, read_text


def test_a_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "ner.toml").touch()
    with pytest.raises(RecipeError) as caught:
        read_text(tmp_path / "nre.toml")
    assert str(tmp_path / "ner.toml") in caught.value.hint
    with pytest.raises(RecipeError) as caught:
        read_text(tmp_path / "ner")
    assert str(tmp_path / "ner.toml") in caught.value.hint


def test_a_missing_file_far_from_all_names_what_is_there(tmp_path):
    (tmp_path / "ner.toml").touch()
    with pytest.raises(RecipeError, match="there is no recipe") as caught:
        read_text(tmp_path / "something-else.toml")
    assert "ner.toml" in caught.value.hint
    assert "ft recipe new" in caught.value.hint


def test_a_folder_is_no_recipe(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read"):
        read_text(tmp_path)


def test_text_that_is_not_utf8(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes(b'a = 1\nb = "\xff"\n')
    with pytest.raises(RecipeError) as caught:
        read_text(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.fix) == (2, "save it as UTF-8")


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("a = 1\nb = x\n", 2, "b = x"),
        ("a = 1\r\nb = x\r\n", 2, "b = x"),
        ("a = 1\n[b\nc = 1\n", 2, "[b"),
        ("a = 1\na = 2\n", 2, "a = 2"),
        ("[a]\n[b]\n[a]\n", 3, "[a]"),
        ('a = """x\n\n', 1, 'a = """x'),
        ("a = [1,\n2\n\n\n", 2, "2"),
        ("a = 1 b = 2\n", 1, "a = 1 b = 2"),
        ("a = 0x\n", 1, "a = 0x"),
        ("a = 2024-13-01\n", 1, "a = 2024-13-01"),
    ],
)
def test_broken_toml_says_line_and_text(tmp_path, text, line, shown):
    with pytest.raises(RecipeError) as caught:
        parse(text, tmp_path / "a.toml")
    (problem,) = caught.value.problems
    assert problem.line == line
    assert f"`{shown}`" in problem.message
    assert "(at" not in problem.message


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "a = " + "[" * 60 + "]" * 60, ".".join("a" * 3000) + "=1"],
)
def test_absurd_nesting_is_refused(tmp_path, text):
    with pytest.raises(RecipeError) as caught:
        parse(text, tmp_path / "a.toml")
    assert "nested too deeply" in caught.value.problems[0].message


def test_absurd_numbers_are_refused(tmp_path):
    with pytest.raises(RecipeError) as caught:
        parse("a = 1\nb = " + "1" * 5000, tmp_path / "a.toml")
    assert caught.value.problems[0].line is not None
