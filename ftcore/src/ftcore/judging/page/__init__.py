"""The voting page: one HTML file with its style and script inside, nothing from elsewhere."""

from __future__ import annotations

import secrets
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup


def render_page(rater: str | None) -> tuple[str, str]:
    """Return the page and its content security policy; ``rater`` None lets the page ask."""
    nonce = secrets.token_urlsafe(16)
    page = _template().render(
        nonce=nonce,
        rater=rater or "",
        style=Markup(_part("judge.css")),
        script=Markup(_part("judge.js")),
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("ftcore.judging", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("judge.html.jinja")


@cache
def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
