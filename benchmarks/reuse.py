"""A second run with the same recipe builds, converts and tokenises nothing: by message and hash."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir
from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import execute
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "ner.toml"
ROOMS = ("environments", "models", "streams", "code")


class Notes(Observer):
    """Keeps the notices of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def notice(self, text: str) -> None:
        """Keep one line."""
        self.lines.append(text)


def cached() -> dict[str, int]:
    """Return every file and folder of the cache's rooms with its time of change (ns)."""
    return {
        str(path): path.stat().st_mtime_ns
        for room in ROOMS
        for path in cache_dir(room).glob("*")
        if not path.name.startswith(".") and path.suffix not in (".lock", ".lease")
    }


def one_run(runs: Path) -> tuple[dict[str, Any], list[str]]:
    """Run four steps and return the plan and the notices."""
    notes = Notes()
    overrides = ["train.max_steps=4", "evaluation.limit=8"]
    loaded = load_recipe(RECIPE, overrides=overrides)
    prepared = prepare(loaded, load_plugins(), notify=notes.notice)
    outcome = execute(prepared, runs=runs, observer=notes)
    return outcome.folder.read_json("plan.json"), notes.lines


def main() -> None:
    """Run twice and print what the second one reused."""
    with tempfile.TemporaryDirectory() as name:
        first, _ = one_run(Path(name))
        before = cached()
        second, lines = one_run(Path(name))
        changed = [path for path, time in cached().items() if before.get(path) != time]
    print("\n".join(lines))
    print(f"stream hash equal: {first['stream'] == second['stream']} ({second['stream'][:16]})")
    print(f"order digest equal: {first['order'] == second['order']}")
    print(f"cache entries made or changed by the second run: {len(changed)} {changed[:3]}")


if __name__ == "__main__":
    main()
