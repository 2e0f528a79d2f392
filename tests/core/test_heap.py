"""The garbage collector rests only as long as somebody asks for it, and is then as it was before."""

from __future__ import annotations

import contextlib
import gc
import threading

from tests.support.waiting import PATIENCE_S
from vsortd.core.system.heap import no_collections


def test_it_is_on_again_whatever_is_raised() -> None:
    with contextlib.suppress(KeyboardInterrupt), no_collections():
        assert not gc.isenabled()
        raise KeyboardInterrupt
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off_before() -> None:
    gc.disable()
    try:
        with no_collections(), no_collections():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_rests_until_the_last_of_several_threads_is_out() -> None:
    inside, out = threading.Event(), threading.Event()

    def rest() -> None:
        with no_collections():
            inside.set()
            assert out.wait(PATIENCE_S)

    thread = threading.Thread(target=rest)
    thread.start()
    assert inside.wait(PATIENCE_S)
    with no_collections():
        pass
    assert not gc.isenabled()
    out.set()
    thread.join(PATIENCE_S)
    assert gc.isenabled()
