"""Training inside `ft run` against a bare TRL script in the same environment: same steps, rows."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

from ftcore.engine.observer import Observer
from ftcore.engine.prepare import prepare
from ftcore.engine.run import Outcome, execute
from ftcore.launcher import worker_environment
from ftcore.plugins import load_plugins
from ftcore.recipe.loading import load_recipe

RECIPE = Path(__file__).parents[1] / "recipes" / "ner.toml"
HERE = Path(__file__).parent


def ft_run(steps: int, runs: Path) -> Outcome:
    """Run the NER recipe without evaluation or export."""
    overrides = [f"train.max_steps={steps}", "data.test=[]", "export.formats=[]"]
    loaded = load_recipe(RECIPE, overrides=overrides)
    quiet = Observer()
    prepared = prepare(loaded, load_plugins(), backend="trl", notify=quiet.notice)
    return execute(prepared, runs=runs, observer=quiet)


def bare_run(outcome: Outcome, folder: Path) -> float:
    """Train the same steps with the bare script and return its seconds."""
    run = outcome.folder
    python = run.read_json("environment.json")["python"]
    out = folder / "bare.json"
    env = worker_environment(folder / "home", None)
    command = [python, str(HERE / "bare_trl.py"), str(run.path), str(out)]
    subprocess.run(command, check=True, env=env, capture_output=True)
    return float(json.loads(out.read_text(encoding="utf-8"))["seconds"])


def main() -> None:
    """Alternate the two and print each pair's ratio, the median and the spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    arguments = parser.parse_args()
    ratios = []
    for index in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as name:
            outcome = ft_run(arguments.steps, Path(name) / "runs")
            inside = float(outcome.result.stages["train"]["seconds"])
            bare = bare_run(outcome, Path(name))
        ratios.append(inside / bare)
        print(f"pair {index + 1}: ft {inside:.2f} s, bare TRL {bare:.2f} s, ratio {ratios[-1]:.3f}")
    print(
        f"{arguments.steps} steps, median ratio {statistics.median(ratios):.3f} "
        f"(min {min(ratios):.3f}, max {max(ratios):.3f})"
    )


if __name__ == "__main__":
    main()
