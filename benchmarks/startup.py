"""What `ft --version` costs over `python -c "import click"`, in alternation."""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path


def seconds(command: list[str]) -> float:
    """Run a command and return its wall time."""
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> None:
    """Print medians, spread and ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    runs: int = parser.parse_args().runs
    ft = shutil.which("ft", path=str(Path(sys.executable).parent)) or "ft"
    commands = {
        "ft --version": [ft, "--version"],
        "ft --help": [ft, "--help"],
        "python -c 'import click'": [sys.executable, "-c", "import click"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for index in range(runs + 1):
        for name, command in commands.items():
            taken = seconds(command)
            if index:  # the first round only warms the disk cache
                times[name].append(taken)
    base = statistics.median(times["python -c 'import click'"])
    for name, found in times.items():
        median = statistics.median(found)
        print(
            f"{name:26} median {median * 1000:6.1f} ms  "
            f"(min {min(found) * 1000:.1f}, max {max(found) * 1000:.1f})  ratio {median / base:.2f}"
        )


if __name__ == "__main__":
    main()
