"""A client of any endpoint that speaks OpenAI's chat completions, with patience and manners.

The standard library is enough: one request, one answer. A redirect is refused, since it would carry
the key elsewhere; the key is in no message and no file.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ftcore.errors import FtError, InputError, MachineError

TRIES = 6
LONGEST_WAIT = 60.0  # seconds, whatever a server asks for
LONGEST_REPLY = 1024  # tokens
_LARGEST = 4_000_000  # bytes of an answer
_LATER = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Model ``model`` below the base address ``address`` (which ends in ``/v1`` as a rule).

    ``timeout`` is seconds without a byte; ``wait`` sleeps between tries.
    """

    address: str
    model: str
    key: str | None = field(default=None, repr=False)
    timeout: float = 120.0
    wait: Callable[[float], None] = time.sleep

    def complete(self, prompt: str) -> str:
        """Return the model's reply to one message at temperature 0.

        Waits and tries again when the server is busy (429, 5xx) or the line breaks. Raises
        MachineError when it cannot be reached or stays busy, InputError when it refuses.
        """
        body = {
            "model": self.model,
            "messages": [{"role": "user", "content": prompt}],
            "temperature": 0,
            "max_tokens": LONGEST_REPLY,
        }
        for attempt in range(1, TRIES + 1):
            try:
                return self._reply(self._post(body))
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read(_LARGEST)
                if error.code not in _LATER or attempt == TRIES:
                    raise self._refusal(error.code, said) from None
                asked = _retry_after(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException) as error:
                # Nobody listens, or the name is unknown: the same a minute later.
                if attempt == TRIES or (attempt == 2 and _nobody(error)):
                    raise self._unreachable(error) from None
                asked = None
            self.wait(_backoff(attempt) if asked is None else asked)
        raise AssertionError("the last try returns or raises")

    def _post(self, body: dict[str, Any]) -> bytes:
        request = urllib.request.Request(
            self.address.rstrip("/") + "/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "ft"},
        )
        if self.key is not None:
            request.add_unredirected_header("Authorization", f"Bearer {self.key}")
        with self._opener().open(request, timeout=self.timeout) as response:
            found: bytes = response.read(_LARGEST)
            return found

    def _opener(self) -> urllib.request.OpenerDirector:
        # A proxy cannot reach what listens on this machine.
        local = urlsplit(self.address).hostname in _LOOPBACK
        proxies = [urllib.request.ProxyHandler({})] if local else []
        return urllib.request.build_opener(_NoRedirect, *proxies)

    def _reply(self, answer: bytes) -> str:
        try:
            content = json.loads(answer)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise InputError(
                f"{self.address} does not answer as the chat completions API does",
                hint="evaluation.judge.endpoint is the base address, such as http://HOST:PORT/v1",
                code="judge.endpoint",
            ) from None
        # A reply that was cut off or held back has none.
        return content if isinstance(content, str) else ""

    def _refusal(self, code: int, said: bytes) -> FtError:
        message = self._hidden(_message(said))
        what = f"{self.address} refuses ({code})" + (f": {message}" if message else "")
        if code in _LATER:
            return MachineError(
                f"{what}, after {TRIES} tries",
                hint="go on later: what was judged is kept; or lower evaluation.judge.concurrency",
                code="judge.busy",
            )
        if code in (401, 403):
            hint = "set evaluation.judge.api_key_env to the variable that holds a valid key"
        elif 300 <= code < 400:
            hint = "give the address that it redirects to; ft does not follow with a key"
        else:
            hint = "check evaluation.judge.endpoint and evaluation.judge.model"
        return InputError(what, hint=hint, code="judge.refused")

    def _unreachable(self, error: Exception) -> MachineError:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        words = self._hidden(str(reason) or type(reason).__name__)
        return MachineError(
            f"{self.address} cannot be reached: {words}",
            hint="is the server running, and evaluation.judge.endpoint its address?",
            code="judge.unreachable",
        )

    def _hidden(self, text: str) -> str:
        return text.replace(self.key, "***") if self.key else text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Follow nowhere: the answer becomes an error with the redirect's code."""


def api_key(variable: str | None) -> str | None:
    """Return the key that an environment variable holds; None when no variable is named.

    Raises InputError when the variable is unset or empty.
    """
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(
            f"the environment variable {variable} is not set",
            hint=f"export {variable}=..., or take evaluation.judge.api_key_env out",
            code="judge.key",
        )
    return key


def _nobody(error: Exception) -> bool:
    reason = getattr(error, "reason", error)
    return isinstance(reason, ConnectionRefusedError) or type(reason).__name__ == "gaierror"


def _backoff(attempt: int) -> float:
    """Return how long to wait after a try: 1, 2, 4, ... seconds, less up to a half by chance."""
    return float(2 ** (attempt - 1)) * random.uniform(0.5, 1.0)


def _retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, as a number or as a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def _message(said: bytes) -> str:
    """Return what an error's body says, on one line."""
    text = said.decode("utf-8", "replace")
    try:
        data = json.loads(text)
        found = data.get("error", data) if isinstance(data, dict) else data
        text = str(found.get("message", found)) if isinstance(found, dict) else str(found)
    except (ValueError, RecursionError):
        pass
    return " ".join(text.split())[:300]
