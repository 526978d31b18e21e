from __future__ import annotations

from ftcore.report.grid import Cell, Column, Grid

GRID = Grid(
    (Column("Slice", number=False), Column("After")),
    ((Cell("手写"), Cell("0.5", "0.4 to 0.6", "higher", "good")), (Cell("<b>|"), Cell("–"))),
    strong=0,
)


def test_text_is_aligned_also_with_wide_characters() -> None:
    assert GRID.to_text().splitlines() == [
        "Slice                    After",
        "-----  -----------------------",
        "手写   0.5 (0.4 to 0.6) higher",
        "<b>|                         –",
    ]


def test_markdown_is_escaped_and_the_main_row_is_bold() -> None:
    assert GRID.to_markdown().splitlines() == [
        "| Slice | After |",
        "| --- | ---: |",
        "| **手写** | 0.5 (0.4 to 0.6) higher |",
        r"| \<b\>\| | – |",
    ]


def test_html_is_escaped_and_cells_know_their_column() -> None:
    page = GRID.to_html()
    assert "&lt;b&gt;|" in page
    assert "<b>" not in page
    assert 'data-label="After"' in page
    assert '<em class="good">higher</em>' in page
