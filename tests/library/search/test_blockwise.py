"""One pass over many vectors: right, and torch has as many threads afterwards as before, whoever else asks."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from vsortd.library.search.blockwise import over_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 3


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let torch have three threads, and the machine two cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def rows(count: int = 5000) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 4)).astype(np.float16)


@pytest.mark.parametrize("count", [0, 3, 2048, 5000])
def test_each_row_is_answered_in_its_place(count: int) -> None:
    found = over_blocks(rows(count), 1, lambda part: part.sum(dim=1, keepdim=True))
    assert np.allclose(rows(count).astype(np.float32).sum(axis=1, keepdims=True), found, atol=1e-5)


def waits_for(
    entered: threading.Event, goes_on: threading.Event, *, fails: bool = False
) -> Callable[[torch.Tensor], torch.Tensor]:
    def work(part: torch.Tensor) -> torch.Tensor:
        entered.set()
        assert goes_on.wait(10)
        if fails:
            raise ValueError("no")
        return part[:, :1]

    return work


@pytest.mark.parametrize("fails", [False, True])
def test_two_at_once_leave_torch_its_threads(*, fails: bool) -> None:
    """The second begins while the first has torch at one thread, and ends, or fails, after it."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(over_blocks, rows(), 1, waits_for(first_in, second_in))
        assert first_in.wait(10)
        second = pool.submit(over_blocks, rows(), 1, waits_for(second_in, first_out, fails=fails))
        first.result(10)
        first_out.set()
        assert isinstance(second.exception(10), ValueError if fails else type(None))
        seen = {pool.submit(torch.get_num_threads).result(10) for _ in range(2)}
    assert ({THREADS}, THREADS) == (seen, threads_of_a_new_thread())
