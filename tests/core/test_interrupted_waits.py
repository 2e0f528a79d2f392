"""Ctrl-C ends what other threads wait for, and raises KeyboardInterrupt as ever."""

from __future__ import annotations

import signal
import threading

import pytest

from tests.support.waiting import PATIENCE_S
from vsortd.core.interrupted_waits import ended_by_interrupt, interrupting_waits, was_interrupted


def test_a_wait_of_another_thread_ends_and_a_later_one_at_once() -> None:
    begun, ended, later = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        with ended_by_interrupt(ended.set):
            begun.set()
            assert ended.wait(PATIENCE_S)

    waiting = threading.Thread(target=wait)

    def interrupted() -> None:
        with interrupting_waits():
            assert not was_interrupted()
            waiting.start()
            assert begun.wait(PATIENCE_S)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    waiting.join()
    assert was_interrupted()
    with ended_by_interrupt(later.set):
        assert later.is_set()
    assert signal.default_int_handler is signal.getsignal(signal.SIGINT)
    with interrupting_waits():
        assert not was_interrupted(), "the next command is another one"


def test_what_has_ended_is_not_ended_again() -> None:
    ended = threading.Event()

    def interrupted() -> None:
        with interrupting_waits():
            with ended_by_interrupt(ended.set):
                pass
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not ended.is_set()
    with interrupting_waits():
        pass


def test_who_listens_for_ctrl_c_already_goes_on_listening() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        with interrupting_waits():
            signal.raise_signal(signal.SIGINT)
        assert [signal.SIGINT] == heard
    finally:
        signal.signal(signal.SIGINT, before)
