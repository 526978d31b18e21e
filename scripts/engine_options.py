"""Write the listing of an engine's own arguments, which a recipe may set under [backend.NAME].

    python scripts/engine_options.py trl swift llamafactory
    python scripts/engine_options.py --check trl

Asks the engine itself, in the backend's environment (built first where it is not there yet).
``--check`` writes nothing and exits 1 where a listing is not what the engine says.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ftcore.backends import BackendSpec
from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.engine.observer import Observer
from ftcore.environments.build import ensure
from ftcore.launcher import worker_environment
from ftcore.plugins import load_plugins

PROBE = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from ftcore.worker.options import list_arguments
worker = importlib.import_module(sys.argv[2])
print(json.dumps(list_arguments(worker.ARGUMENT_CLASSES)))
"""


def listing(spec: BackendSpec) -> str:
    """Return the text of the listing, one argument a line, as the engine itself says."""
    environment = ensure(spec.environment, device="cpu", notify=Observer().notice)
    code = code_folder(cache_dir(), spec.package)
    module = spec.trainer.partition(":")[0]
    with tempfile.TemporaryDirectory(prefix="ft-options-") as home:
        done = subprocess.run(
            [str(environment.python), "-I", "-c", PROBE, str(code), module],
            env=worker_environment(Path(home), None),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        sys.exit(f"{spec.name} does not list its arguments:\n{done.stderr}")
    found = json.loads(done.stdout.splitlines()[-1])
    lines = [f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items()]
    return "{\n  " + ",\n  ".join(lines) + "\n}\n"


def main() -> int:
    """Write or check the listings of the backends that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backends", nargs="+")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = 0
    for name in arguments.backends:
        spec = load_plugins().backend(name)
        if spec.options is None:
            sys.exit(f"{name} takes no options")
        path, text = spec.options.listing, listing(spec)
        if arguments.check:
            same = path.is_file() and path.read_text("utf-8") == text
            stale += not same
            print(f"{path}: {'as the engine says' if same else 'is stale'}")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"{path}: {len(text.splitlines()) - 2} arguments")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
