"""The proof that a template only prints contents: it holds where it says so, and says no else."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftcore.rendering.messages import Message
from ftcore.rendering.plainness import prints_contents_only
from tests.rendering.families import FAMILIES

PLAIN = {name for name, family in FAMILIES.items() if prints_contents_only(family.source)}
LOOP = "{% for m in messages %}"
END = "{% endfor %}"


def test_which_families_only_print() -> None:
    assert set(FAMILIES) - PLAIN == {"qwen3", "deepseek_r1"}


CONTENT = st.text(st.sampled_from("ab é你\n\t\u00a0<|im_end|></think>{{'\\"), max_size=12)
ROLES = st.lists(st.sampled_from(["user", "assistant", "system", "tool"]), min_size=1, max_size=5)


@pytest.mark.parametrize("family", sorted(PLAIN))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(roles=ROLES, data=st.data())
def test_what_is_composed_is_what_jinja_renders(renderers, family: str, roles, data) -> None:
    renderer = renderers[family, "byte_level"]
    turns = [{"role": role, "content": data.draw(CONTENT)} for role in roles]
    composed = renderer._turns.compose(turns)
    if composed is not None:
        text, places = composed
        assert text == renderer.template.render_data(turns)
        assert places == renderer._turns.find(text, turns)


def test_blank_contents_are_left_to_jinja(chatml) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert chatml()._turns.compose(turns) is not None
    for blank in ("", " \n"):
        assert chatml()._turns.compose([turns[0], {**turns[1], "content": blank}]) is None


def test_a_composed_row_is_a_rendered_row(chatml, monkeypatch) -> None:
    rows = [
        [Message("user", " a "), Message("assistant", "the answer\n", weight)] * 2
        for weight in (0, 1)
    ]
    quick = [chatml().render(row) for row in rows]
    slow = chatml()
    monkeypatch.setattr(slow._turns, "_plain", False)
    for one, other in zip(quick, [slow.render(row) for row in rows], strict=True):
        assert (one.text, one.spans, one.detail) == (other.text, other.spans, other.detail)
        assert one.labels.tolist() == other.labels.tolist()


@pytest.mark.parametrize(
    "source",
    [
        LOOP + "{{ m.role ~ m['content'] | trim }}" + END,
        LOOP + "{{ m.content.strip() if m.content is string else 'x' }}" + END,
        LOOP + "{% set c = '[' + m.content + ']' %}{% if c %}{{ c }}{% endif %}" + END,
        "{% set rest = messages[1:] %}{% for m in rest %}{{ m.content }}{% endfor %}",
        "{% set ns = namespace(s='') %}"
        + LOOP
        + "{% set ns.s = ns.s + m.content %}"
        + END
        + "{{ ns.s }}",
        "{{ messages[-1].content }}{{ messages | length }}{{ messages[0]['role'] }}",
        LOOP
        + "{% if loop.previtem is defined and loop.previtem.role == 'tool' %}-{% endif %}"
        + "{{ m.content }}"
        + END,
        LOOP
        + "{% if 'tool_calls' in m and m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}"
        + "{% generation %}{{ m.content }}{% endgeneration %}"
        + END,
        "{% if messages | selectattr('role', 'equalto', 'system') | list %}s{% endif %}",
        LOOP + "{% if m.content != none and m.content != '' %}{{ m.content }}{% endif %}" + END,
        LOOP
        + "{% if m.role not in ['user'] %}{{ raise_exception('no ' + m.role) }}{% endif %}"
        + END,
    ],
)
def test_harmless(source: str) -> None:
    assert prints_contents_only(source)


@pytest.mark.parametrize(
    "use",
    [
        "{% if 'x' in m.content %}a{% endif %}",
        "{% if m.content == 'x' %}a{% endif %}",
        "{% if m.content in 'abc' %}a{% endif %}",
        "{% if m.content is in ['a'] %}a{% endif %}",
        "{% if m.content > 'a' %}a{% endif %}",
        "{{ m.content | length }}",
        "{{ m.content | upper }}",
        "{{ m.content | trim('x') }}",
        "{{ m.content | replace('a', 'b') }}",
        "{{ m.content | tojson }}",
        "{{ m.content.strip('x') }}",
        "{{ m.content.split('x')[0] }}",
        "{{ m.content[1:] }}",
        "{{ m.content[0] }}",
        "{{ 'a'.join([m.content]) }}",
        "{{ 'abc'.replace(m.content, '') }}",
        "{{ '%s' % m.content }}",
        "{{ m.content * 2 }}",
        "{{ m.content or 'x' }}",
        "{{ m.content and 'x' }}",
        "{{ m | tojson }}",
        "{{ m }}",
        "{{ m['con' + 'tent'] | length }}",
        "{% for key in m %}{{ m[key] | length }}{% endfor %}",
        "{{ m.get('content') | length }}",
        "{% for key, value in m.items() %}{{ value | length }}{% endfor %}",
        "{% for letter in m.content %}{{ letter }}-{% endfor %}",
        "{{ (m | list)[0] }}",
        "{% set c = 'a' ~ m.content %}{% if 'x' in c %}a{% endif %}",
        "{% set ns = namespace(c='') %}{% set ns.c = m.content %}{{ ns.c | length }}",
        "{% set ns = namespace(c='') %}{% set other = ns %}{% set ns.c = m.content %}"
        "{{ other.c | length }}",
        "{% set ns = namespace(c=m.content) %}{{ ns.c | length }}",
        "{{ c | length }}{% set c = m.content %}",
        "{% set c %}{{ m.content }}{% endset %}{{ c | length }}",
        "{% macro say(t) %}{{ t | length }}{% endmacro %}{{ say(m.content) }}",
        "{% filter upper %}{{ m.content }}{% endfilter %}",
        "{% set a, b = m.content, 1 %}{{ a | length }}",
        "{{ messages | map(attribute='content') | join | length }}",
        "{% if messages | selectattr('content', 'equalto', 'x') | list %}a{% endif %}",
        "{% if loop.previtem and 'x' in loop.previtem.content %}a{% endif %}",
        "{% if loop.changed(m.content) %}a{% endif %}",
        "{% with c = m.content %}{{ c | length }}{% endwith %}",
        "{{ raise_exception('no: ' + m.content) }}",
        "{{ ([m] + messages) | length }}",
        "{{ {'a': m.content}['a'] | length }}",
        "{% if messages == [] %}a{% endif %}",
        "{{ strftime_now('%Y') }}",
        "{{ [1, 2] | random }}",
    ],
)
def test_what_depends_on_a_content_or_may(use: str) -> None:
    assert not prints_contents_only(f"{LOOP}{use}{END}")
