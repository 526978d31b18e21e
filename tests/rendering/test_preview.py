from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.rendering.messages import Message
from ftcore.rendering.preview import Segment, preview_segments, to_ansi, to_html, visible

QUESTION = Message("user", "the question?")


def test_segments_of_a_row(chatml) -> None:
    renderer = chatml()
    rendered = renderer.render([QUESTION, Message("assistant", "the answer")])
    assert preview_segments(rendered, renderer.tokenizer) == [
        Segment("<|im_start|>", "special"),
        Segment("user\nthe question?", "prompt"),
        Segment("<|im_end|>", "special"),
        Segment("\n", "prompt"),
        Segment("<|im_start|>", "special"),
        Segment("assistant\n", "prompt"),
        Segment("the answer", "supervised", True),
        Segment("<|im_end|>", "special", True),
        Segment("\n", "prompt"),
    ]


def test_boundary_tokens_are_shown(renderers) -> None:
    renderer = renderers["mistral", "byte_level"]
    rendered = renderer.render([QUESTION, Message("assistant", "the answer")])
    kinds = {
        segment.kind: segment.text for segment in preview_segments(rendered, renderer.tokenizer)
    }
    assert kinds["boundary"] == " the"


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_segments_join_to_the_text(renderers, content: str) -> None:
    for name in ("byte_level", "byte_fallback", "metaspace"):
        renderer = renderers["glm4", name]
        rendered = renderer.render([Message("user", content), Message("assistant", content)])
        segments = preview_segments(rendered, renderer.tokenizer)
        assert "".join(segment.text for segment in segments) == rendered.text
        assert re.sub(r"\x1b\[[0-9;]*m", "", to_ansi(segments)) == visible(rendered.text)


def test_dropped_rows_have_a_preview(chatml) -> None:
    renderer = chatml(max_length=5)
    rendered = renderer.render([QUESTION, Message("assistant", "the answer")])
    assert rendered.status == "dropped"
    segments = preview_segments(rendered, renderer.tokenizer)
    assert any(segment.kind == "supervised" for segment in segments)
    broken = renderer.render([Message("user", "\ud800"), Message("assistant", "x")])
    assert preview_segments(broken, renderer.tokenizer)[0].kind == "prompt"
    assert "\\ud800" in to_html(preview_segments(broken, renderer.tokenizer))


def test_nothing_in_a_row_can_steer_the_terminal() -> None:
    text = to_ansi([Segment("a\x1b[31m\x07\x9b\u202e\x7f\tb\nc", "prompt")])
    assert text == "\x1b[2ma␛[31m␇\\u009b\\u202e␡␉b⏎\x1b[0m\n\x1b[2mc\x1b[0m"


def test_html_is_escaped_and_self_contained() -> None:
    html = to_html([Segment('<script>&"', "supervised", True), Segment("</s>", "special", True)])
    assert "<script>" not in html
    assert "&lt;script&gt;&amp;&quot;" in html
    assert html.startswith("<pre")
    assert html.endswith("</pre>")
    assert "http" not in html
