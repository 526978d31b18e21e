"""Finding plugins, keeping the broken ones apart, and asking the others.

Plugins are found through the entry-point group ``ft``. One that is disabled is never imported; one
that fails to import or breaks the contract is recorded with its traceback and left out, and only
asking for its backend is an error.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pluggy

from ftcore import hookspecs
from ftcore.backends import BackendSpec
from ftcore.errors import FtError, PluginError, Problem, RecipeError
from ftcore.hookspecs import HOOK_API, PROJECT

if TYPE_CHECKING:
    from ftcore.data.cleaning.base import Step
    from ftcore.data.formats.base import Format
    from ftcore.evaluation.metric import Metric
    from ftcore.protocol import Event
    from ftcore.recipe.schema import Recipe

DISABLE = "FT_DISABLE_PLUGINS"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin that was found.

    ``name`` is its entry point, ``distribution`` and ``version`` what was installed. ``hooks`` and
    ``backends`` are what it brings; ``problem`` (one line) and ``traceback`` say why it is broken.
    """

    name: str
    distribution: str
    version: str
    module: str
    state: Literal["loaded", "disabled", "broken"]
    hooks: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    problem: str | None = None
    traceback: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"


@dataclass
class Plugins:
    """The plugins of this process and what they bring.

    ``infos`` is every plugin found, also the broken and the disabled ones. `load_plugins` makes it.
    """

    infos: list[PluginInfo] = field(default_factory=list)
    _specs: dict[str, list[tuple[PluginInfo, BackendSpec]]] = field(default_factory=dict)
    _manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager(PROJECT))
    _silenced: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._manager.add_hookspecs(hookspecs)

    def backends(self) -> dict[str, BackendSpec]:
        """Return the usable backends by name; one that two plugins claim is left out."""
        claims = sorted(self._specs.items())
        return {name: found[0][1] for name, found in claims if len(found) == 1}

    def backend(self, name: str) -> BackendSpec:
        """Return the backend called ``name``.

        Raises `PluginError` when its plugin is broken or disabled, or when two plugins claim the
        name, and `RecipeError` with those that exist when nothing brings it.
        """
        found = self._specs.get(name, [])
        if len(found) == 1:
            return found[0][1]
        if found:
            owners = " and ".join(str(info) for info, _ in found)
            raise PluginError(
                f"two plugins bring a backend {name!r}: {owners}",
                hint=f"uninstall one, or disable it: {DISABLE}={found[0][0].name}",
                code="plugin.conflict",
            )
        for info in self.infos:
            if info.state != "loaded" and name in (info.name, *info.backends):
                raise _unusable(name, info)
        raise self._unknown(name)

    def _unknown(self, name: str) -> RecipeError:
        known = list(self.backends())
        close = get_close_matches(name, known, n=1)
        there = ", ".join(known) or "none is installed"
        hint = f"did you mean {close[0]}? " if close else ""
        unused = [f"{info} is {info.state}" for info in self.infos if info.state != "loaded"]
        return RecipeError(
            f"unknown backend {name!r}",
            hint="; ".join([f"{hint}backends: {there}", *unused]),
            code="recipe.unknown-backend",
            details={"known": known},
        )

    def adding(self, spec: BackendSpec) -> Plugins:
        """Return these plugins with one more backend, which ft brings itself."""
        info = PluginInfo(spec.name, "ftcore", spec.version, __name__, "loaded")
        more = copy(self)
        more._specs = {**self._specs, spec.name: [(info, spec)]}
        return more

    def data_formats(self) -> list[Format]:
        """Return the row formats of all plugins; a plugin that fails here is reported, left out."""
        return [item for _, item in self._items("ft_data_formats")]

    def cleaning_steps(self) -> list[type[Step]]:
        """Return the cleaning steps of all plugins; a plugin that fails here is left out."""
        return [item for _, item in self._items("ft_cleaning_steps")]

    def metrics(self) -> list[type[Metric]]:
        """Return the metrics of all plugins; a plugin that fails here is reported, left out."""
        return [item for _, item in self._items("ft_metrics")]

    def recipe_problems(self, recipe: Recipe) -> list[Problem]:
        """Return what plugins find wrong with a recipe.

        Raises `PluginError` when a plugin's check itself fails: a check is not skipped in silence.
        """
        return [item for _, item in self._items("ft_recipe_problems", strict=True, recipe=recipe)]

    def run_event(self, run: Path, event: Event) -> None:
        """Hand an event to every observer; one that fails is logged and called no more."""
        for _ in self._items("ft_run_event", run=run, event=event):
            pass

    def error_hints(self, error: FtError) -> list[str]:
        """Return further hints for an error; a plugin that fails here is left out."""
        return [str(item) for _, item in self._items("ft_error_hints", error=error)]

    def _items(
        self, hook: str, *, strict: bool = False, **arguments: Any
    ) -> Iterator[tuple[PluginInfo, Any]]:
        """Yield what each loaded plugin gives for ``hook``, each plugin asked on its own."""
        for info in [info for info in self.infos if hook in info.hooks]:
            if (key := _key(info), hook) in self._silenced:
                continue
            try:
                items = _ask(self._manager, key, hook, arguments)
            except Exception as error:
                if strict:
                    raise _failed(info, hook, error) from error
                self._silenced.add((key, hook))
                LOG.warning("%s failed in %s and is left out there: %s", info, hook, _line(error))
                continue
            for item in items:
                yield info, item


def load_plugins(disabled: Iterable[str] | None = None) -> Plugins:
    """Find and load the installed plugins; never fails because of one of them.

    ``disabled`` are names of entry points or distributions that are not even imported; unset, the
    environment variable ``FT_DISABLE_PLUGINS`` (names with commas between) says them.
    """
    if disabled is None:
        disabled = os.environ.get(DISABLE, "").split(",")
    names = {_normal(name) for name in disabled if name.strip()}
    plugins = Plugins()
    found = {
        (entry.name, entry.value, _distribution(entry)): entry
        for entry in entry_points(group=PROJECT)
    }
    for key in sorted(found):
        info = _info(found[key])
        if names & {_normal(info.name), _normal(info.distribution)}:
            plugins.infos.append(replace(info, state="disabled"))
        else:
            plugins.infos.append(_load(plugins, found[key], info))
    return plugins


def _load(plugins: Plugins, entry: EntryPoint, info: PluginInfo) -> PluginInfo:
    """Import and register one plugin; return what became of it."""
    manager, key = plugins._manager, _key(info)
    try:
        manager.register(entry.load(), name=key)
        info = replace(info, hooks=_hooks(manager, key))
        specs = list(_backends(manager, key)) if "ft_backends" in info.hooks else []
        info = replace(info, backends=tuple(spec.name for spec in specs))
        _check(specs)
    # A module that calls sys.exit() while it is imported must not end ft.
    except (Exception, SystemExit) as error:
        if manager.has_plugin(key):
            manager.unregister(name=key)
        text = "".join(traceback.format_exception(error))
        return replace(info, state="broken", hooks=(), problem=_line(error), traceback=text)
    for spec in specs:
        plugins._specs.setdefault(spec.name, []).append((info, spec))
    return info


def _hooks(manager: pluggy.PluginManager, key: str) -> tuple[str, ...]:
    callers = manager.get_hookcallers(manager.get_plugin(key)) or []
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown:
        known = [name for name in vars(hookspecs) if name.startswith("ft_")]
        close = get_close_matches(unknown[0], known, n=1)
        raise PluginError(
            f"there is no hook {unknown[0]}" + (f", did you mean {close[0]}?" if close else "")
        )
    if not callers:
        raise PluginError("it implements no hook: is @hookimpl missing?")
    return tuple(sorted(caller.name for caller in callers))


def _backends(manager: pluggy.PluginManager, key: str) -> Iterator[BackendSpec]:
    for spec in _ask(manager, key, "ft_backends", {}):
        if not isinstance(spec, BackendSpec):
            raise PluginError(f"ft_backends gave a {type(spec).__name__}, not a BackendSpec")
        yield spec


def _check(specs: list[BackendSpec]) -> None:
    names = [spec.name for spec in specs]
    for spec in specs:
        if names.count(spec.name) > 1:
            raise PluginError(f"it brings the backend {spec.name!r} twice")
        if spec.hook_api != HOOK_API:
            raise PluginError(
                f"backend {spec.name!r} was written for hook API {spec.hook_api}, "
                f"this ftcore has {HOOK_API}"
            )


def _ask(
    manager: pluggy.PluginManager, key: str, hook: str, arguments: dict[str, Any]
) -> list[Any]:
    """Call ``hook`` of one plugin and return the items that it gives."""
    others = [plugin for name, plugin in manager.list_name_plugin() if name != key]
    results = manager.subset_hook_caller(hook, others)(**arguments)
    # One hint returned as plain text is one hint, not its letters.
    return [
        item for result in results for item in ([result] if isinstance(result, str) else result)
    ]


def _unusable(name: str, info: PluginInfo) -> PluginError:
    if info.state == "disabled":
        return PluginError(
            f"the plugin of backend {name!r} is disabled: {info}",
            hint=f"take {info.name} out of {DISABLE}",
            code="plugin.disabled",
        )
    return PluginError(
        f"the plugin of backend {name!r} could not be loaded: {info}: {info.problem}",
        hint=f"reinstall or update {info.distribution}",
        code="plugin.broken",
        details={"plugin": str(info), "module": info.module, "traceback": info.traceback},
    )


def _failed(info: PluginInfo, hook: str, error: Exception) -> PluginError:
    return PluginError(
        f"{info} failed in {hook}: {_line(error)}",
        hint=f"update {info.distribution}, or disable it: {DISABLE}={info.name}",
        code="plugin.failed",
        details={"traceback": "".join(traceback.format_exception(error))},
    )


def _info(entry: EntryPoint) -> PluginInfo:
    version = entry.dist.version if entry.dist else "unknown"
    return PluginInfo(entry.name, _distribution(entry), version, entry.value, "loaded")


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "unknown"


def _key(info: PluginInfo) -> str:
    return f"{info.distribution}:{info.name}:{info.module}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _line(error: BaseException) -> str:
    """Return an error as one line: its type, unless it is ours, and its message."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, PluginError) else f"{type(error).__name__}: {text}"
