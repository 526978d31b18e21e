"""One wheel from the package index, unpacked without its dependencies."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ftcore.errors import BuildError
from ftcore.packages.installer import Installer, UvInstaller, judge_failure, log_tail
from ftcore.packages.settings import package_settings


def fetch_wheel_content(
    package: str,
    version: str,
    sha256: str,
    target: Path,
    *,
    offline: bool = False,
    installer: Installer | None = None,
) -> None:
    """Unpack the wheel of ``package`` with the given SHA-256 into the folder ``target``.

    It comes from the user's own index, mirror or find-links folder, or from uv's cache. Raises
    BuildError, with the end of uv's output, when it cannot be had or has another hash.
    """
    settings = package_settings()
    with tempfile.TemporaryDirectory(prefix="ft-wheel-") as work:
        wanted = Path(work) / "requirements.txt"
        wanted.write_text(f"{package}=={version} --hash=sha256:{sha256}\n", encoding="utf-8")
        log = Path(work) / "uv.log"
        args = ["pip", "install", "--python", sys.executable, "--target", str(target)]
        args += ["--no-deps", "--require-hashes", "--no-build", "-r", str(wanted)]
        args += ["--no-index"] if settings.no_index else []
        args += ["--offline"] if offline else []
        status = (installer or UvInstaller()).run(args, settings.environment, log)
        if status != 0:
            code, hint = judge_failure(log_tail(log, 60), offline)
            raise BuildError(
                f"The package {package} {version} could not be fetched:\n{log_tail(log)}",
                hint=hint,
                code=code,
            )
