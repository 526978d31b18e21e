"""Runs recipes x backends x seeds as a user does: what was learnt, how fast, in how much memory.

One resumable command: a finished cell is read from ``--out`` instead of run again, so it may be
stopped at any time. ``--write FILE`` also writes the table, with the command, as Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

RECIPES = ("ner", "nl2sql", "handbook_qa", "persona")
ROOT = Path(__file__).parents[1]
HEAD = (
    "| recipe | backend | seed | metric | before | 3 examples | after | after - before [95%] | "
    "steps | training s | whole command s | peak MiB | receipts equal | merged equals adapter | "
    "adapter |"
)
WORDS = (
    "Each line is one `ft run` of the whole recipe. *Receipts equal*: micro-batches whose digest "
    "is the stream's, of those planned, plus batches of validation rows. *Merged equals adapter*: "
    "prompts that the merged model, loaded again, answers as the adapter does. *Adapter*: the "
    "first digits of its file's SHA-256. Times are of a machine with other work."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One run of the table."""

    recipe: str
    backend: str
    seed: int
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the cell's files."""
        mark = hashlib.sha256("\n".join(self.overrides).encode()).hexdigest()[:6]
        return f"{self.recipe}-{self.backend}-{self.seed}" + (f"-{mark}" if self.overrides else "")


def run_once(cell: Cell, out: Path) -> dict[str, Any]:
    """Run one cell and return the figures of its run directory."""
    kept = out / f"{cell.name}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    runs = out / "runs" / f"{cell.name}-{int(time.time())}"
    command = [sys.executable, "-m", "ftcore", "run", str(ROOT / "recipes" / f"{cell.recipe}.toml")]
    command += ["--backend", cell.backend, "--seed", str(cell.seed)]
    command += [word for override in cell.overrides for word in ("--set", override)]
    command += ["--runs", str(runs), "--quiet"]
    begin = time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\nexit {done.returncode}\n{done.stderr[-2000:]}")
    found = figures(next(runs.glob("*/metrics.json")).parent, seconds)
    kept.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return found


def figures(run: Path, seconds: float) -> dict[str, Any]:
    """Return what the table shows of one run directory."""
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    receipts = json.loads((run / "receipts.json").read_text(encoding="utf-8"))
    return {
        "run": run.name,
        "main": metrics["main"],
        "stages": metrics["stages"],
        "slices": metrics["slices"],
        "receipts": receipts,
        "exports": result["stages"].get("export", {}),
        "steps": result["stages"]["train"]["steps"],
        "train_seconds": result["stages"]["train"]["seconds"],
        "peak_memory_mib": result["stages"]["process"]["peak_memory_mib"],
        "seconds": seconds,
    }


def digest(found: dict[str, Any], out: Path) -> str:
    """Return the first digits of the SHA-256 of what a run trained, where it is still there."""
    for path in out.glob(f"runs/*/{found['run']}/adapter/*.safetensors"):
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return ""


def row(cell: Cell, found: dict[str, Any], out: Path) -> str:
    """Return one line of the table."""
    main = found["main"]
    stages, difference = main["stages"], main["differences"]["before"]
    shot = stages.get("few_shot", {}).get("value")
    merged = found["exports"].get("merged", {}).get("verified_prompts", {})
    words = [
        cell.recipe,
        cell.backend,
        str(cell.seed),
        main["metric"],
        f"{stages['before']['value']:.3f}",
        "" if shot is None else f"{shot:.3f}",
        f"{stages['after']['value']:.3f}",
        f"+{difference['difference']:.3f} [{difference['low']:.3f}, {difference['high']:.3f}]",
        str(found["steps"]),
        f"{found['train_seconds']:.0f}",
        f"{found['seconds']:.0f}",
        f"{found['peak_memory_mib']:.0f}",
        receipts(found["receipts"]),
        f"{merged.get('equal', 0)}/{merged.get('compared', 0)}",
        digest(found, out),
    ]
    return "| " + " | ".join(words) + " |"


def receipts(found: dict[str, Any]) -> str:
    """Return how many receipts there were, and of how many; validation after a plus sign."""
    text = f"{found['micro_batches']}/{found['planned']}"
    validation = found.get("validation_batches")
    return f"{text} + {validation}" if validation else text


def slice_lines(cell: Cell, found: dict[str, Any]) -> list[str]:
    """Return one line per slice field with the deciding metric after training."""
    metric = found["main"]["metric"]
    lines = []
    for field, values in found["slices"].items():
        after = {value: stages["after"][metric] for value, stages in values.items()}
        shown = ", ".join(
            f"{value} {score['value']:.3f} (n {score['n']})"
            for value, score in after.items()
            if score["value"] is not None
        )
        lines.append(f"- {cell.name}, {metric} by {field}: {shown}")
    return lines


def main() -> None:
    """Run what is missing and print the table and the slices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--backends", nargs="+", default=["trl"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/learning"))
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write it as Markdown")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines, slices = [HEAD, "|---" * (HEAD.count("|") - 1) + "|"], []
    print("\n".join(lines))
    for recipe, backend, seed in product(arguments.recipes, arguments.backends, arguments.seeds):
        cell = Cell(recipe, backend, seed, tuple(arguments.set))
        found = run_once(cell, arguments.out)
        lines.append(row(cell, found, arguments.out))
        slices += slice_lines(cell, found)
        print(lines[-1], flush=True)
    print("\n" + "\n".join(slices))
    if arguments.write:
        words = ["python", "benchmarks/learning.py"]
        hidden = {"--write", "--out"}
        given = sys.argv[1:]
        keep = [w for n, w in enumerate(given) if not {w, given[n - 1] if n else ""} & hidden]
        command = shlex.join([*words, *keep])
        head = ["# Recipes and backends", "", f"Made by `{command}`. {WORDS}", ""]
        text = "\n".join([*head, *lines, "", *slices])
        arguments.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
