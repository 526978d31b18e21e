"""The Jinja environment of chat templates: what transformers offers a template, and no more.

Templates come with downloaded models, so they run sandboxed. Behaviour matched (by test) with
``transformers.utils.chat_template_utils``: block trimming, loop controls, ``tojson`` without
HTML escaping, ``raise_exception``, ``strftime_now`` and ``{% generation %}`` blocks.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


class TemplateRefused(TemplateError):
    """The template itself called ``raise_exception``: it does not accept these messages."""


class GenerationBlocks(Extension):
    """Accept ``{% generation %} ... {% endgeneration %}`` and render the body unchanged.

    The body becomes a call block as in transformers, because a call block has a variable scope
    of its own: a ``set`` inside it must not be seen outside here either.
    """

    tags = {"generation"}  # noqa: RUF012 - the name and type are Jinja's

    def parse(self, parser: Parser) -> nodes.Node:
        """Parse one block into a call of :meth:`_render_body`."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("_render_body")
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _render_body(self, caller: Any) -> str:
        return str(caller())


def template_environment() -> ImmutableSandboxedEnvironment:
    """Return a fresh environment in which a chat template can be compiled."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[GenerationBlocks, "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = _strftime_now
    return environment


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    raise TemplateRefused(message)


def _strftime_now(format: str) -> str:
    # Local time, as in transformers: the template prints the user's date.
    return datetime.now().strftime(format)
