"""The one error handler, at the edge: every error becomes a message and an exit code here."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import click

from ftcore.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    DiskFull,
    FtError,
    MachineError,
)

EXIT_USAGE = 2
EXIT_PIPE = 141  # what a shell reports for a process that SIGPIPE ended
SHOWN_LOG_LINES = 12

# What the machine refuses: not a bug of ft, and no traceback would help.
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.EMFILE, errno.EIO)
FULL = (errno.ENOSPC, errno.EDQUOT)


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised where Ctrl-C would be."""


def run_guarded(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; no expected error leaves a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # Half a surrogate pair or a character that the terminal lacks must not end ft.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _sigterm_as_exception():
            code = _invoke(arguments)
            sys.stdout.flush()
            return code
    except BaseException as error:
        try:
            return handle(error, arguments)
        except BrokenPipeError:
            return _broken_pipe()


def _invoke(arguments: Sequence[str]) -> int:
    from ftcore.cli.app import app

    code = app.main(args=list(arguments), prog_name="ft", standalone_mode=False)
    return code if isinstance(code, int) else EXIT_OK


def handle(error: BaseException, arguments: Sequence[str]) -> int:
    """Show ``error`` as its kind deserves and return the exit code."""
    as_json = "--json" in arguments
    if _is_broken_pipe(error):
        return _broken_pipe()
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else EXIT_OK
    stopped = _stop_code(error)
    if stopped is not None:
        return _show_stop(stopped, as_json)
    if isinstance(error, click.ClickException):
        return _show_usage(error, as_json)
    if isinstance(error, OSError | MemoryError):
        error = _machine_error(error) or error
    if isinstance(error, FtError):
        return _show(error, as_json)
    return _show_bug(error, arguments, as_json)


def _stop_code(error: BaseException) -> int | None:
    """Return the exit code when the user or the system ended ft, else None."""
    # Only a launcher that was imported can have been stopped; importing it here would cost.
    launcher = sys.modules.get("ftcore.launcher.interrupts")
    if launcher is not None and isinstance(error, launcher.Stopped):
        return int(error.exit_code)
    if isinstance(error, click.Abort):
        # click wraps what interrupted it.
        return EXIT_TERMINATED if isinstance(error.__cause__, Terminated) else EXIT_INTERRUPTED
    if isinstance(error, KeyboardInterrupt):
        return EXIT_TERMINATED if isinstance(error, Terminated) else EXIT_INTERRUPTED
    return None


def _show_stop(code: int, as_json: bool) -> int:
    what = "terminated" if code == EXIT_TERMINATED else "interrupted"
    if as_json:
        _print_json({"error": "Stopped", "code": what, "exit_code": code, "message": what})
    else:
        click.echo(what, err=True)
    return code


def _show_usage(error: click.ClickException, as_json: bool) -> int:
    message = error.format_message()
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "ft"
    hint = f"`{command} --help` shows what there is"
    if as_json:
        data = {"error": "UsageError", "code": "usage", "exit_code": EXIT_USAGE}
        _print_json({**data, "message": message, "hint": hint, "problems": [], "details": {}})
    else:
        _print_error([message, f"hint: {hint}"])
    return EXIT_USAGE


def _show(error: FtError, as_json: bool) -> int:
    hints = _plugin_hints(error)
    if os.environ.get("FT_DEBUG") == "1":
        traceback.print_exception(error)
    if as_json:
        _print_json({**error.to_json(), "more_hints": hints})
        return error.exit_code
    _print_error([*error.lines(), *(f"hint: {hint}" for hint in hints)], error.code)
    tail = error.details.get("log_tail")
    if isinstance(tail, list) and tail:
        click.echo(f"the end of {error.details.get('log', 'its log')}:", err=True)
        for line in tail[-SHOWN_LOG_LINES:]:
            click.echo(f"  | {line}", err=True)
    return error.exit_code


def _plugin_hints(error: FtError) -> list[str]:
    """Ask the plugins for more to try; whatever goes wrong there must not hide the error."""
    with contextlib.suppress(Exception):
        from ftcore.plugins import load_plugins

        return load_plugins().error_hints(error)
    return []


def _show_bug(error: BaseException, arguments: Sequence[str], as_json: bool) -> int:
    from ftcore.cli.bug_report import write_bug_report

    path = write_bug_report(error, arguments)
    what = f"{type(error).__name__}: {error}"
    if os.environ.get("FT_DEBUG") == "1":
        traceback.print_exception(error)
    if as_json:
        data = {"error": "Bug", "code": "bug", "exit_code": EXIT_BUG, "message": what}
        _print_json({**data, "hint": None, "problems": [], "details": {"report": str(path)}})
    else:
        _print_error([f"this is a bug in ft: {what}", f"hint: please report it with {path}"])
    return EXIT_BUG


def _machine_error(error: OSError | MemoryError) -> MachineError | None:
    """Return the expected error for what the system refused, None when it looks like a bug."""
    if isinstance(error, MemoryError):
        return MachineError("there is not enough memory", code="machine.memory")
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    if error.errno in FULL:
        return DiskFull(what, hint="free some space, or set FT_CACHE and --runs to a larger disk")
    if error.errno in REFUSED:
        return MachineError(what, hint="check who may read and write it", code="machine.refused")
    return None


def _print_error(lines: Sequence[str], code: str | None = None) -> None:
    # What a message quotes (the end of uv's log) is set in.
    first, *quoted = lines[0].splitlines() or [""]
    label = click.style("error:", fg="red", bold=True)
    click.echo(f"{label} {first}" + (f" [{code}]" if code else ""), err=True)
    for line in (*(f"  {text}" for text in quoted), *lines[1:]):
        click.echo(line, err=True)


def _print_json(data: dict[str, Any]) -> None:
    from ftcore.protocol import finite, plain

    click.echo(json.dumps(finite(data), ensure_ascii=True, indent=2, default=plain))


def _is_broken_pipe(error: BaseException) -> bool:
    # click turns a broken pipe into a SystemExit of its own.
    cause = error.__context__ if isinstance(error, SystemExit) else error
    return isinstance(cause, OSError) and cause.errno == errno.EPIPE


def _broken_pipe() -> int:
    """The reader of our output has gone: nothing more can be said."""
    silent = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(silent, stream.fileno())
    return EXIT_PIPE


@contextlib.contextmanager
def _sigterm_as_exception() -> Iterator[None]:
    def on_sigterm(number: int, frame: FrameType | None) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, on_sigterm)
    except ValueError:  # not the main thread
        yield
        return
    if before == signal.SIG_IGN:  # as nohup and some supervisors want it
        signal.signal(signal.SIGTERM, before)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
