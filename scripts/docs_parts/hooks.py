"""The hooks, from the docstrings of `ftcore.hookspecs`."""

from __future__ import annotations

import inspect
import textwrap

from docs_parts.text import block
from ftcore import hookspecs


def reference() -> str:
    """Return every hook with its signature, what it is for, and its example."""
    parts = []
    for name, hook in vars(hookspecs).items():
        if name.startswith("ft_"):
            text, _, example = (inspect.getdoc(hook) or "").partition("Example::\n")
            signature = str(inspect.signature(hook)).replace("'", "")
            parts += [f"### `{name}`", block(f"def {name}{signature}: ...", "python")]
            parts += [text.replace("``", "`").strip()]
            parts += [block(textwrap.dedent(example).strip(), "python")]
    return "\n\n".join(parts)
