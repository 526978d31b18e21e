"""From a recipe to everything that a run needs, refused here if it cannot work: no compute yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ftcore.backends import BackendSpec
from ftcore.cache import cache_dir
from ftcore.data.stored_stream import Stream
from ftcore.engine.capabilities import CapabilityNotes, check_capabilities
from ftcore.engine.engine_options import engine_options, other_tables
from ftcore.engine.estimates import Estimate, estimate
from ftcore.engine.inputs import Inputs, open_data, read_held, require_good_beginning
from ftcore.engine.make_stream import make_stream, require_askable
from ftcore.engine.plan import Plan
from ftcore.engine.settings import frozen_dtype, train_settings
from ftcore.environments.accelerator import detect_accelerator
from ftcore.environments.extras import with_quantization
from ftcore.evaluation.metric import get_metric
from ftcore.models.inspect import ModelFacts, inspect_model
from ftcore.models.resolve import ResolvedModel, resolve_model
from ftcore.plugins import Plugins
from ftcore.protocol import TrainSettings
from ftcore.recipe.loading import LoadedRecipe
from ftcore.recipe.schema import Recipe
from ftcore.rendering.options import RenderOptions
from ftcore.rendering.order import Order, plan_order
from ftcore.rendering.renderer import Renderer

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Watch:
    """How a run that is to be compared is watched.

    What does not hold is kept, not raised; the worker writes down what it sees. ``deterministic``
    asks for kernels that give the same bits every time; ``switches`` has the plain loop do one
    thing differently.
    """

    deterministic: bool
    switches: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run that is ready to start: inputs read, stream made, order fixed, plan known."""

    loaded: LoadedRecipe
    spec: BackendSpec
    device: str
    model: ResolvedModel
    facts: ModelFacts
    renderer: Renderer
    inputs: Inputs
    stream: Stream
    order: Order
    settings: TrainSettings
    plan: Plan
    rate_key: str
    watch: Watch | None = None


def prepare(
    loaded: LoadedRecipe,
    plugins: Plugins,
    *,
    backend: str | None = None,
    offline: bool = False,
    notify: Notify,
) -> Prepared:
    """Resolve, read, render and plan; raises the `FtError` that says what cannot work."""
    recipe = loaded.recipe
    spec = backend_for(recipe, plugins, backend)
    device = detect_accelerator(recipe.launch.device).kind
    others = [other for other in plugins.backends().values() if other.name != spec.name]
    notes = check_capabilities(loaded, spec, others, device)
    extra, unused = engine_options(loaded, spec), other_tables(loaded, spec, others)
    for name in recipe.evaluation.metrics:
        get_metric(name)
    data = open_data(loaded)
    held = read_held(data)
    if not data.shaping.split.test:
        require_askable(loaded, held.test)
    require_good_beginning(data)
    model = find_model(loaded, offline=offline, chat=not data.documents, notify=notify)
    facts = inspect_model(model.folder)
    renderer = make_renderer(loaded, model, documents=data.documents)
    stream, inputs = make_stream(loaded, data, held, renderer, notify)
    order = make_order(loaded, stream)
    settings = train_settings(loaded, facts, order, renderer.pad_id)
    processes = recipe.launch.processes * recipe.launch.nodes
    place = device if processes == 1 else f"{device} x {processes}"
    rate_key = f"{model.fingerprint}/{spec.name}/{place}/{recipe.train.precision}"
    parts = (loaded, spec, device, model, facts, renderer, inputs, stream, order, settings)
    plan = make_plan(*parts, notes=notes, rate_key=rate_key)
    plan = replace(plan, engine_options=extra, other_options=unused, processes=processes)
    return Prepared(*parts, plan, rate_key)


def backend_for(recipe: Recipe, plugins: Plugins, name: str | None = None) -> BackendSpec:
    """Return the backend ``name``, else the recipe's, with what the recipe needs besides."""
    spec = plugins.backend(name or recipe.default_backend)
    return with_quantization(spec) if recipe.model.quantization != "none" else spec


def find_model(
    loaded: LoadedRecipe, *, offline: bool, chat: bool = True, notify: Notify
) -> ResolvedModel:
    """Return the recipe's model as a verified local folder; ``chat`` wants a chat template."""
    model = loaded.recipe.model
    return resolve_model(
        model.id,
        revision=model.revision,
        source=model.source,
        offline=offline,
        base=loaded.base,
        code=model.trust_remote_code,
        chat=chat,
        notify=notify,
    )


def render_options(loaded: LoadedRecipe) -> RenderOptions:
    """Return the recipe's decisions about rendering."""
    data = loaded.recipe.data
    return RenderOptions(
        max_length=data.max_length,
        overlong=data.overlong,
        supervise=data.supervise,
        system=data.system,
    )


def make_renderer(loaded: LoadedRecipe, model: ResolvedModel, *, documents: bool) -> Renderer:
    """Return the renderer of the recipe's rows for a model."""
    return Renderer.from_folder(model.folder, render_options(loaded), documents=documents)


def make_order(loaded: LoadedRecipe, stream: Stream) -> Order:
    """Fix which rows each micro-batch holds, over all epochs."""
    train, launch = loaded.recipe.train, loaded.recipe.launch
    return plan_order(
        len(stream.lengths("train")),
        batch_size=train.batch_size,
        accumulation=train.accumulation,
        world_size=launch.processes * launch.nodes,
        epochs=train.epochs,
        max_steps=train.max_steps,
        seed=train.seed,
        shuffle=train.shuffle,
    )


def padded_tokens(order: Order, lengths: NDArray[np.int32], multiple: int) -> int:
    """Return how many positions the engine computes over all micro-batches, padding included."""
    total = 0
    for _, _, _, rows in order.iter_micro_batches():
        longest = int(lengths[rows].max())
        total += len(rows) * (-(-longest // multiple) * multiple)
    return total


def make_plan(
    loaded: LoadedRecipe,
    spec: BackendSpec,
    device: str,
    model: ResolvedModel,
    facts: ModelFacts,
    renderer: Renderer,
    inputs: Inputs,
    stream: Stream,
    order: Order,
    settings: TrainSettings,
    *,
    notes: CapabilityNotes,
    rate_key: str,
) -> Plan:
    """Put the plan together."""
    recipe = loaded.recipe
    lengths = stream.lengths("train")
    return Plan(
        recipe=recipe.name,
        task=recipe.task,
        description=recipe.description,
        profile=loaded.profile,
        backend=spec.name,
        model=model_facts(model, facts, recipe),
        device=device,
        rows={
            "train": len(lengths),
            "validation": len(stream.lengths("validation")),
            "test": len(inputs.test),
        },
        formats=inputs.formats,
        tokens=stream.tokens("train"),
        supervised_tokens=stream.supervised_tokens("train"),
        longest=int(lengths.max()),
        max_length=recipe.data.max_length,
        overlong=recipe.data.overlong,
        shaping=[asdict(count) for count in inputs.shaping],
        account=stream.account.tally.to_json(),
        settings=settings,
        stream=stream.hash,
        stream_reused=stream.reused,
        order=order.digest(),
        left_over_rows=order.left_over,
        stop_token=renderer.stop_token,
        evaluation=recipe.evaluation.model_dump(),
        export=list(recipe.export.formats),
        estimate=estimate_run(recipe, facts, stream, order, settings, device, rate_key),
        approximate=notes.approximate,
        warnings=[str(warning) for warning in inputs.warnings],
        machine_problems=[str(problem) for problem in notes.machine],
    )


def estimate_run(
    recipe: Recipe,
    facts: ModelFacts,
    stream: Stream,
    order: Order,
    settings: TrainSettings,
    device: str,
    rate_key: str,
) -> Estimate:
    """Return the peak memory and time to expect of the training."""
    lengths = stream.lengths("train")
    return estimate(
        facts,
        settings,
        dtype=frozen_dtype(recipe),
        quantization=recipe.model.quantization,
        device=device,
        longest=int(lengths.max()),
        most_supervised=int(stream.supervised("train").max()),
        train_tokens=padded_tokens(order, lengths, settings.padding_multiple),
        cache=cache_dir(),
        rate_key=rate_key,
    )


def model_facts(model: ResolvedModel, facts: ModelFacts, recipe: Recipe) -> dict[str, object]:
    """Return what the plan says of the model."""
    return {
        "id": model.id,
        "folder": str(model.folder),
        "source": model.source,
        "fingerprint": model.fingerprint,
        "note": model.note,
        "architecture": facts.architecture,
        "parameters": facts.parameters,
        "dtype": frozen_dtype(recipe),
        "quantization": recipe.model.quantization,
    }
