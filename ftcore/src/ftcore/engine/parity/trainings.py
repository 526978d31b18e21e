"""Trains one side of a comparison as a run of its own, or takes it from a stored run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ftcore.cache import cache_dir
from ftcore.code_folder import code_folder
from ftcore.comparison.record import TrainingRecord, read_record
from ftcore.comparison.switches import Switch
from ftcore.engine.observer import Observer
from ftcore.engine.place import place
from ftcore.engine.prepare import Prepared, Watch
from ftcore.engine.run import execute
from ftcore.engine.settings import model_ref
from ftcore.environments.environment import Environment
from ftcore.environments.lock import locks_hash
from ftcore.errors import RunNotFound
from ftcore.launcher import sigterm_as_stop
from ftcore.protocol import PROTOCOL_VERSION, write_json
from ftcore.recipe.loading import load_recipe
from ftcore.runs.folder import RunFolder
from ftcore.runs.listing import list_runs

IDENTITY = "parity.json"
FOLDER = "parity"


@dataclass(frozen=True, slots=True)
class Workplace:
    """Where the trainings of a comparison are done.

    ``runs`` is where run directories are kept (theirs are below its folder ``parity``); ``fresh``
    trains anew what is stored; ``deterministic`` asks for deterministic kernels.
    """

    runs: Path
    observer: Observer
    python: str | None = None
    offline: bool = False
    fresh: bool = False
    deterministic: bool = False

    @property
    def folder(self) -> Path:
        """Where the run directories of comparisons are."""
        return self.runs / FOLDER


def train(prepared: Prepared, workplace: Workplace, *, name: str | None = None) -> TrainingRecord:
    """Return a finished training of ``prepared``, observed: stored if there is one, else done now.

    Stored trainings are reused where nothing that could change a number has changed.
    """
    prepared = training_only(prepared, workplace)
    observer, environment = workplace.observer, environment_of(prepared, workplace)
    identity = identity_of(prepared, environment)
    stored = None if workplace.fresh else find_stored(workplace.folder, identity)
    if stored is not None:
        observer.notice(f"{name or prepared.spec.name}: reused {stored.path.name}")
        return read_record(stored.path, name)
    observer.notice(f"{name or prepared.spec.name}: training {prepared.order.steps} steps")
    outcome = execute(
        prepared,
        runs=workplace.folder,
        observer=observer,
        python=workplace.python,
        offline=workplace.offline,
    )
    write_json({"identity": identity, "lock": lock_hash(prepared)}, outcome.folder.file(IDENTITY))
    return read_record(outcome.folder.path, name)


def environment_of(prepared: Prepared, workplace: Workplace) -> Environment:
    """Return the environment that a run has here, built if it is not there."""
    with sigterm_as_stop():
        return place(
            prepared.spec,
            prepared.device,
            python=workplace.python,
            offline=workplace.offline,
            observer=workplace.observer,
        )


def training_only(prepared: Prepared, workplace: Workplace) -> Prepared:
    """Return a run that trains and is watched, and does nothing else."""
    inputs = replace(prepared.inputs, test=[], few_shot=[])
    watch = prepared.watch or Watch(workplace.deterministic)
    return replace(prepared, inputs=inputs, watch=watch)


def switched(prepared: Prepared, switch: Switch) -> Prepared:
    """Return the plain loop's run with one thing done differently."""
    settings = replace(prepared.settings, **switch.get("settings", {}))
    watch = replace(prepared.watch or Watch(False), switches=dict(switch.get("options", {})))
    loaded, dtype = prepared.loaded, switch.get("dtype")
    if dtype is not None:
        loaded = load_recipe(
            loaded.path,
            profile=loaded.profile,
            overrides=(*loaded.overrides, f'model.dtype="{dtype}"'),
            base=loaded.base,
        )
    return replace(prepared, settings=settings, watch=watch, loaded=loaded)


def other_seed(prepared: Prepared) -> Prepared:
    """Return the run with the next seed for adapter and noise, on the same rows in one order."""
    return replace(prepared, settings=replace(prepared.settings, seed=prepared.settings.seed + 1))


def find_stored(folder: Path, identity: str) -> RunFolder | None:
    """Return the newest finished run of this identity."""
    for run in list_runs(folder):
        kept = run.read_json(IDENTITY) or {}
        if kept.get("identity") == identity and run.manifest().state == "finished":
            return run
    return None


def identity_of(prepared: Prepared, environment: Environment) -> str:
    """Return the SHA-256 (hex) of all that a training's numbers depend on, as far as ft knows."""
    spec, recipe = prepared.spec, prepared.loaded.recipe
    watch = prepared.watch or Watch(False)
    parts: dict[str, Any] = {
        "protocol": PROTOCOL_VERSION,
        "trainer": [spec.name, spec.version, spec.trainer],
        "environment": environment.key,
        "code": code_folder(cache_dir(), spec.package).name,
        "model": [prepared.model.fingerprint, asdict(model_ref(recipe, ""))],
        "device": prepared.device,
        "threads": recipe.launch.threads,
        "world": recipe.launch.processes * recipe.launch.nodes,
        "stream": prepared.stream.hash,
        "order": prepared.order.digest(),
        "settings": asdict(prepared.settings),
        "engine": prepared.plan.engine_options,
        "deterministic": watch.deterministic,
        "switches": content(watch.switches),
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def content(switches: Mapping[str, Any]) -> dict[str, Any]:
    """Return switches with a file's content in the place of its name."""
    rows = switches.get("rows")
    if rows is None:
        return dict(switches)
    return {**switches, "rows": hashlib.sha256(Path(rows).read_bytes()).hexdigest()}


def lock_hash(prepared: Prepared) -> str:
    """Return the SHA-256 (hex) of the locks of the backend's environment."""
    return locks_hash(prepared.spec.environment.locks)


def stored_lock(record: TrainingRecord) -> str:
    """Return the hash of the lock that a training's environment was built from."""
    kept = RunFolder(record.folder).read_json(IDENTITY)
    if kept is None:
        raise RunNotFound(f"{record.folder} was not made by ft parity", code="run.incomplete")
    return str(kept["lock"])
