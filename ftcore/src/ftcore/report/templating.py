"""Reads the report's templates; HTML is escaped unless it is marked as markup."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from ftcore.report.escaping import markdown_code, markdown_fence, markdown_text


@cache
def template(name: str) -> Template:
    """Return ``templates/NAME``; an unknown name in it is an error."""
    environment = Environment(
        loader=PackageLoader("ftcore.report"),
        autoescape=lambda file: bool(file and ".html" in file),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=markdown_text, code=markdown_code, fence=markdown_fence)
    return environment.get_template(name)
