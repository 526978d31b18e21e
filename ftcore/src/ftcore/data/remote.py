"""Data sets behind an address: ``hf://`` and ``ms://``."""

from __future__ import annotations

from pathlib import Path

from ftcore.errors import DataError


def fetch(address: str) -> Path:
    """Return a local path that holds the address's files.

    ``hf://datasets/OWNER/NAME[@REVISION][/PATH]`` goes through huggingface_hub with the user's own
    settings (endpoint, token, cache). Raises `DataError` when it cannot be fetched.
    """
    if address.startswith("ms://"):
        raise DataError(
            f"{address}: ModelScope data sets are not supported yet",
            hint="download the file and give its path",
            code="data.not-yet",
        )
    owner, name, revision, path = _parse(address)
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    repository = f"{owner}/{name}"
    try:
        if Path(path).suffix:
            return Path(hf_hub_download(repository, path, repo_type="dataset", revision=revision))
        patterns = [f"{path.rstrip('/')}/*"] if path else None
        folder = snapshot_download(
            repository, repo_type="dataset", revision=revision, allow_patterns=patterns
        )
        return Path(folder) / path
    except (HfHubHTTPError, OSError, ValueError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{address} cannot be fetched: {first}",
            hint="check the address, the network and HF_TOKEN; or download it and give the path",
            code="data.remote",
        ) from error


def _parse(address: str) -> tuple[str, str, str | None, str]:
    parts = address.removeprefix("hf://").removeprefix("datasets/").split("/", 2)
    if len(parts) < 2 or not all(parts[:2]):
        raise DataError(
            f"{address} is not an address of a data set",
            hint="write hf://datasets/OWNER/NAME/path/to/file.jsonl",
            code="data.address",
        )
    name, _, revision = parts[1].partition("@")
    return parts[0], name, revision or None, parts[2] if len(parts) > 2 else ""
