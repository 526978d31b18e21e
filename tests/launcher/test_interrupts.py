from __future__ import annotations

import os
import signal
import threading

import pytest

from ftcore.launcher import Stopped, sigterm_as_stop
from ftcore.launcher.interrupts import StopSignals


def test_sigterm_unwinds_the_block_as_ctrl_c_would():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()
        except KeyboardInterrupt:
            seen.append("unwound")
            raise

    with pytest.raises(Stopped) as caught, sigterm_as_stop():
        work()
    assert (caught.value.exit_code, seen) == (143, ["unwound"])
    assert signal.getsignal(signal.SIGTERM) == before


def test_ctrl_c_leaves_as_it_is():
    with pytest.raises(KeyboardInterrupt), sigterm_as_stop():
        raise KeyboardInterrupt


def test_signals_are_counted_and_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with StopSignals() as signals:
        assert (signals.count, signals.exit_code) == (0, 130)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert (signals.count, signals.exit_code) == (2, 143)
    assert signal.getsignal(signal.SIGINT) == before


def test_in_a_thread_nothing_is_changed():
    before, seen = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with StopSignals(), sigterm_as_stop():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
