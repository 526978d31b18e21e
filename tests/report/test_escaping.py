from __future__ import annotations

from ftcore.report.escaping import (
    Piece,
    markdown_code,
    markdown_fence,
    markdown_text,
    pieces,
    visible,
)


def test_markdown_shows_special_characters_literally() -> None:
    assert markdown_text("a|b <i> *x* [l](u)") == r"a\|b \<i\> \*x\* \[l\](u)"
    assert markdown_text("one\ntwo") == "one two"


def test_names_with_underscores_stay_readable() -> None:
    assert markdown_text("entity_f1 and _so_") == r"entity_f1 and \_so\_"


def test_inline_code_outgrows_backticks_inside() -> None:
    assert markdown_code("a`b") == "``a`b``"
    assert markdown_code("`a") == "`` `a ``"


def test_nothing_inside_can_end_a_fence() -> None:
    block = markdown_fence("x\n````\n# heading\n")
    assert block == "`````text\nx\n````\n# heading\n`````"


def test_what_does_not_show_is_marked() -> None:
    assert pieces("a  b\n\tc\u200b") == (
        Piece("a"),
        Piece("··", mark=True),
        Piece("b"),
        Piece("↵", mark=True),
        Piece("\n"),
        Piece("→", mark=True),
        Piece("c"),
        Piece("U+200B", mark=True),
    )


def test_single_spaces_inside_a_line_are_left_alone_and_ends_are_marked() -> None:
    assert visible(" a b \nc d") == "·a b·\nc d"


def test_characters_that_reorder_or_cannot_be_written_are_spelt_out() -> None:
    assert visible("x\u202ey\ud800z\x00") == "xU+202EyU+D800zU+0000"


def test_chinese_and_joined_emoji_stand_as_they_are() -> None:
    text = "张伟，你好 👩\u200d🚀"
    assert visible(text) == text
