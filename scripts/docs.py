"""Write the generated parts of docs/*.md from the code.

    python scripts/docs.py            writes them
    python scripts/docs.py --check    writes nothing; exit 1 when a page is out of date

A page marks the place of a part: ``<!-- generated: NAME -->`` opens it, ``<!-- end: NAME -->``
closes it. `PARTS` names the function that makes each part.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs_parts import (
    backends,
    causes,
    checks,
    cleaning,
    commands,
    errors,
    formats,
    hooks,
    metrics,
    recipes,
)

DOCS = Path(__file__).parents[1] / "docs"
PARTS: Mapping[str, Callable[[], str]] = {
    "recipe-fields": recipes.fields,
    "shipped-recipes": recipes.shipped,
    "backend-list": backends.listing,
    "capabilities": backends.capabilities,
    "metrics": metrics.reference,
    "causes": causes.reference,
    "formats": formats.reference,
    "checks-refused": checks.refused,
    "checks-odd": checks.odd,
    "cleaning-steps": cleaning.reference,
    "exit-codes": errors.exit_codes,
    "error-codes": errors.codes,
    "hooks": hooks.reference,
    "commands": commands.listing,
}
MARK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.S)


def pages() -> list[Path]:
    """Return the pages that hold a generated part."""
    return [path for path in sorted(DOCS.glob("*.md")) if MARK.search(path.read_text("utf-8"))]


def renewed(text: str, parts: Mapping[str, Callable[[], str]] = PARTS) -> str:
    """Return a page with its parts made anew; KeyError for a part that nothing makes."""

    def part(found: re.Match[str]) -> str:
        return f"{found[1]}\n{parts[found['name']]().strip()}\n\n{found[3]}"

    return MARK.sub(part, text)


def main() -> int:
    """Write or check every page; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the generated parts of docs/*.md.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is stale")
    check = parser.parse_args().check
    stale = 0
    for path in pages():
        before = path.read_text("utf-8")
        after = renewed(before)
        if before == after:
            continue
        stale += 1
        print(f"{path.name}: {'out of date; run python scripts/docs.py' if check else 'written'}")
        if not check:
            path.write_text(after, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
