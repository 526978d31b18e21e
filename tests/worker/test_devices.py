from __future__ import annotations

import pytest

from ftcore.worker.devices import limit_devices


@pytest.mark.parametrize(
    ("device", "processes", "before", "after"),
    [
        ("cpu", 1, None, ""),
        ("cpu", 2, "0,1", ""),
        ("cuda", 1, None, "0"),
        ("cuda", 1, "2,3", "2"),
        ("cuda", 1, " GPU-8a1f , GPU-33c0", "GPU-8a1f"),
        ("cuda", 1, "", ""),
        ("cuda", 2, "2,3", "2,3"),
        ("cuda", 2, None, None),
        ("mps", 1, None, None),
    ],
)
def test_only_planned_devices_are_seen(device, processes, before, after):
    environment = {} if before is None else {"CUDA_VISIBLE_DEVICES": before}
    limit_devices(device, processes, environment)
    assert environment.get("CUDA_VISIBLE_DEVICES") == after
