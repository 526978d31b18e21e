"""How fast rows become a stream, against the bare tokenizer and against `datasets.map`.

    python benchmarks/data.py --rows 1000000 --map-python ENVIRONMENT/bin/python

Rows of about 150 tokens are written to a temporary folder; every path gets the same file, model and
cores, one after the other, each in a process of its own:

ft      read, structural checks, render, write: `build_stream`, as `ft run` calls it
bare    `tokenizers.encode_batch` on the rendered text; reading and rendering are not timed
map     `datasets`: load the JSON, `map` with `apply_chat_template`; no checks, no labels

Then what is off in the ft path is timed apart: near-duplicates, languages, personal data.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

APART_ROWS = 10_000
BATCH = 1000
WORDS = """the library opens at nine in the morning and closes late students may borrow books for
three weeks unless another reader waits a fee applies after that please ask our staff about rooms
laptops printing and courses on Sundays only the reading hall is open your card is needed for every
visit new members register online with a photograph and pay nothing in the first year""".split()  # noqa: SIM905 - a list of words reads worse
MAP = """
import json, sys, time
import datasets, transformers
path, model, out, processes = sys.argv[1:]
datasets.disable_progress_bars()
tokenizer = transformers.AutoTokenizer.from_pretrained(model)
def encode(batch):
    return tokenizer.apply_chat_template(batch["messages"], return_dict=True)
begin = time.perf_counter()
rows = datasets.load_dataset("json", data_files=path, split="train", cache_dir=out)
mapped = rows.map(encode, batched=True, num_proc=int(processes), remove_columns=rows.column_names)
print(json.dumps({"rows": len(mapped), "seconds": time.perf_counter() - begin}))
"""


def main() -> None:
    """Measure every path and print rows per second, ratios and peak memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--model", default="smollm2-135m-instruct", help="alias, folder or hub id")
    parser.add_argument("--map-python", help="a Python with transformers and datasets")
    parser.add_argument("--rounds", type=int, default=1, help="repeat; the best of each counts")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--path", choices=["ft", "bare", "apart"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.path:
        measure = {"ft": ft_path, "bare": bare_path, "apart": apart}[options.path]
        print(json.dumps(measure(options.file, Path(options.model))))
        return
    figures = compare(options)
    if options.out:
        options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Run the paths in turn; the best round of each counts."""
    from ftcore.models.resolve import resolve_model

    model = str(resolve_model(options.model, notify=print).folder)
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ft-benchmark-") as name:
        folder = Path(name)
        file = folder / "rows.jsonl"
        write_rows(file, options.rows)
        print(f"{options.rows:,} rows, {file.stat().st_size / 2**20:,.0f} MiB, {cores()} cores")
        me = [sys.executable, __file__, "--model", model, "--file", str(file), "--path"]
        for round_number in range(options.rounds):
            commands = {"ft": [*me, "ft"], "bare": [*me, "bare"]}
            if options.map_python:
                cache = str(folder / f"map{round_number}")
                script = [options.map_python, "-c", MAP]
                commands["map"] = [*script, str(file), model, cache, str(cores())]
            for path, command in commands.items():
                found = run(command)
                if path not in figures or found["rows_s"] > figures[path]["rows_s"]:
                    figures[path] = found
        show(figures)
        figures["apart"] = run([*me, "apart"])
        for what, cost in figures["apart"].items():
            if what.endswith("_us"):
                print(f"apart: {what.removesuffix('_us'):18} {cost:8.1f} us a row")
    return figures


def show(figures: dict[str, Any]) -> None:
    """Print the figures of each path, and how ft compares."""
    ours = figures["ft"]
    for path, found in figures.items():
        ratio = "" if path == "ft" else f"  ft is {ours['rows_s'] / found['rows_s']:.2f} x this"
        busy = found.get("cpu_seconds", 0.0) / found["rows"] * 1e6
        work = f", {busy:4.0f} us of processor a row" if busy else ""
        print(
            f"{path:5} {found['rows_s']:9,.0f} rows/s in {found['seconds']:7.1f} s, peak "
            f"{found['peak_mib']:6,.0f} MiB{work}{ratio}"
        )
    tokens = ours["tokens"] / ours["rows"]
    print(f"{tokens:.0f} tokens a row; peak: resident memory of all processes, shared pages once")


def run(command: list[str]) -> dict[str, Any]:
    """Run one path in a process of its own; return its figures and the tree's peak memory."""
    import psutil

    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "true", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        tree = psutil.Process(process.pid)
        while not done.wait(0.25):
            peak = max(peak, memory(tree))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    output, _ = process.communicate()
    done.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... failed with {process.returncode}")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    found["peak_mib"] = peak
    if "seconds" in found:
        found["rows_s"] = found["rows"] / found["seconds"]
    return found


def memory(root: Any) -> float:
    """Return the resident memory of a process and all below it, in MiB.

    Shared pages count once where the system tells (proportional set size), else for each process.
    """
    import psutil

    total = 0
    try:
        for process in [root, *root.children(recursive=True)]:
            try:
                full = process.memory_full_info()
                total += getattr(full, "pss", full.rss)
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
    except psutil.NoSuchProcess:
        return 0.0
    return total / 2**20


def ft_path(file: Path, model: Path) -> dict[str, Any]:
    """Build the stream from the file."""
    from ftcore.data.formats import FormatOptions
    from ftcore.data.portion import open_portion
    from ftcore.data.stream import build_stream

    renderer = renderer_of(model)
    given = {"base": file.parent, "format": "messages", "options": FormatOptions()}
    with tempfile.TemporaryDirectory(prefix="ft-benchmark-", dir=file.parent) as cache:
        begin, cpu = time.perf_counter(), cpu_seconds()
        portion = open_portion("train", str(file), **given)  # type: ignore[arg-type]
        found = build_stream([portion], renderer, cache=Path(cache))
        seconds, cpu = time.perf_counter() - begin, cpu_seconds() - cpu
        rows, tokens = found.stream.rows("train"), found.stream.tokens("train")
        return {"rows": rows, "tokens": tokens, "seconds": seconds, "cpu_seconds": cpu}


def bare_path(file: Path, model: Path) -> dict[str, Any]:
    """Encode the rendered text, a thousand rows at a time; only `encode_batch` is timed."""
    renderer = renderer_of(model)
    rows, seconds, cpu = 0, 0.0, 0.0
    texts: list[str] = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            texts.append(renderer.template.render_data(json.loads(line)["messages"]))
            if number % BATCH == 0:
                wall, busy = encode(renderer.tokenizer, texts)
                rows, seconds, cpu, texts = rows + BATCH, seconds + wall, cpu + busy, []
    if texts:
        wall, busy = encode(renderer.tokenizer, texts)
        rows, seconds, cpu = rows + len(texts), seconds + wall, cpu + busy
    return {"rows": rows, "seconds": seconds, "cpu_seconds": cpu}


def encode(tokenizer: Any, texts: list[str]) -> tuple[float, float]:
    """Return the wall and processor seconds of one batch, its results thrown away."""
    begin, cpu = time.perf_counter(), cpu_seconds()
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    del encodings
    return time.perf_counter() - begin, cpu_seconds() - cpu


def cpu_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return time.process_time() + sum(os.times()[2:4])


def apart(file: Path, model: Path) -> dict[str, float]:
    """Return what the checks that are off cost, in microseconds a row."""
    from ftcore.data.formats import FormatOptions
    from ftcore.data.languages import LanguageGuess
    from ftcore.data.near_duplicates import NearIndex, row_text
    from ftcore.data.private import find_private
    from ftcore.data.read import iter_rows

    options = {"base": file.parent, "format": "messages", "options": FormatOptions()}
    texts = []
    for row in iter_rows(str(file), **options):  # type: ignore[arg-type]
        texts.append(row_text(row))  # type: ignore[arg-type]
        if len(texts) == APART_ROWS:
            break
    index, guess = NearIndex(0.85), LanguageGuess()
    costs = {
        "near_duplicates": lambda text: index.find_or_add(text, ""),
        "languages": guess.of,
        "personal_data": find_private,
    }
    found = {"rows": float(len(texts))}
    for what, check in costs.items():
        begin = time.perf_counter()
        for text in texts:
            check(text)
        found[f"{what}_us"] = (time.perf_counter() - begin) / len(texts) * 1e6
    return found


def renderer_of(model: Path) -> Any:
    """Return the renderer of a model folder."""
    from ftcore.rendering.options import RenderOptions
    from ftcore.rendering.renderer import Renderer

    return Renderer.from_folder(model, RenderOptions(max_length=1024))


def write_rows(path: Path, count: int) -> None:
    """Write rows of about 150 tokens, no two alike."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as out:
        for number in range(count):
            asked = " ".join(chance.choices(WORDS, k=chance.randint(20, 60)))
            answer = " ".join(chance.choices(WORDS, k=chance.randint(40, 100)))
            turns = [
                {"role": "user", "content": f"{asked.capitalize()} {number}?"},
                {"role": "assistant", "content": f"{answer.capitalize()}."},
            ]
            out.write(json.dumps({"messages": turns}) + "\n")


def cores() -> int:
    """Return how many cores this process may use."""
    from ftcore.data.render_pool import usable_cores

    return usable_cores()


if __name__ == "__main__":
    main()
