"""Runs the four recipes with several seeds: what they learnt, how fast, in how much memory.

One resumable command: a finished (recipe, seed) is read from ``--out`` instead of run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RECIPES = ("ner", "nl2sql", "handbook_qa", "persona")
ROOT = Path(__file__).parents[1]


def run_once(recipe: str, seed: int, backend: str, out: Path) -> dict[str, Any]:
    """Run one recipe as a user does and return the figures of its run directory."""
    kept = out / f"{recipe}-{backend}-{seed}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    runs = out / "runs" / f"{recipe}-{backend}-{seed}-{int(time.time())}"
    command = [sys.executable, "-m", "ftcore", "run", str(ROOT / "recipes" / f"{recipe}.toml")]
    command += ["--backend", backend, "--seed", str(seed), "--runs", str(runs), "--quiet"]
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
        "steps": result["stages"]["train"]["steps"],
        "train_seconds": result["stages"]["train"]["seconds"],
        "peak_memory_mib": result["stages"]["process"]["peak_memory_mib"],
        "seconds": seconds,
    }


def row(recipe: str, seed: int, found: dict[str, Any]) -> str:
    """Return one line of the table."""
    main = found["main"]
    stages, difference = main["stages"], main["differences"]["before"]
    shot = stages.get("few_shot", {}).get("value")
    return (
        f"| {recipe} | {seed} | {main['metric']} | {stages['before']['value']:.3f} | "
        f"{'' if shot is None else f'{shot:.3f}'} | {stages['after']['value']:.3f} | "
        f"+{difference['difference']:.3f} [{difference['low']:.3f}, {difference['high']:.3f}] | "
        f"{found['steps']} | {found['train_seconds']:.0f} | {found['seconds']:.0f} | "
        f"{found['peak_memory_mib']:.0f} | "
        f"{found['receipts']['micro_batches']}/{found['receipts']['planned']} |"
    )


def slice_lines(recipe: str, seed: int, found: dict[str, Any]) -> list[str]:
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
        lines.append(f"- {recipe}, seed {seed}, {metric} by {field}: {shown}")
    return lines


def main() -> None:
    """Run what is missing and print the table and the slices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--backend", default="trl")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/learning"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    print(
        "| recipe | seed | metric | before | 3 examples | after | after - before [95%] | steps | "
        "training s | whole command s | peak MiB | receipts equal |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    slices: list[str] = []
    for recipe in arguments.recipes:
        for seed in arguments.seeds:
            found = run_once(recipe, seed, arguments.backend, arguments.out)
            print(row(recipe, seed, found), flush=True)
            slices += slice_lines(recipe, seed, found)
    print("\n" + "\n".join(slices))


if __name__ == "__main__":
    main()
