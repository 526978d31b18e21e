"""What only some recipes need in a backend's environment, so that the others' stays small."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ftcore.backends import BackendSpec

QUANTIZATION = Path(__file__).with_name("quantization") / "lock.txt"


def with_quantization(spec: BackendSpec) -> BackendSpec:
    """Return the backend with bitsandbytes in its environment."""
    environment = spec.environment
    more = replace(
        environment,
        extra=(*environment.extra, QUANTIZATION),
        imports=(*environment.imports, "bitsandbytes"),
    )
    return replace(spec, environment=more)
