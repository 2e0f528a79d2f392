"""Batch ids group what arrives close together."""

from __future__ import annotations

from vsortd.core.batch_ids import Batches


def test_a_pause_begins_a_new_batch() -> None:
    now = 0.0
    batches = Batches(gap_s=60, clock=lambda: now)
    first = batches.current()
    now = 59.0
    assert first == batches.current()
    now = 118.0  # 59 s after the last arrival, not after the first
    assert first == batches.current()
    now = 179.0
    assert first != batches.current()
