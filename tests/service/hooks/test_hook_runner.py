"""How often it is tried, and looked at, what waits to be done after videos."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.support.hook_bench import HookBench, script
from vsortd.service.hooks.delivery_store import DeliveryKind
from vsortd.service.hooks.hook_runner import HookRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[HookBench]:
    program = script(tmp_path, "open(sys.argv[1], 'a').write('tried ' + sys.argv[2] + chr(10)); sys.exit(3)")
    with HookBench(tmp_path, f'after: {{run: [{program}, {tmp_path / "tried"}, "{{name}}"], retries: 5}}') as found:
        yield found


def _runner(bench: HookBench, *, pauses_s: Sequence[float]) -> HookRunner:
    queue = bench.queue(pauses_s=pauses_s)
    assert queue.prepare()
    return HookRunner(queue, bench.state, activity=lambda: (False, True))


def test_a_drain_tries_each_once_however_long_it_takes(bench: HookBench) -> None:
    """What failed first is due again before the last one is through."""
    runner = _runner(bench, pauses_s=(0.0,))
    for name in ("a.mp4", "b.mp4"):
        bench.end(name)
    for times in (1, 2):  # as two commands that drain
        assert 2 == len(runner.drain(threading.Event()))
        assert times * ["tried a.mp4", "tried b.mp4"] == (bench.folder / "tried").read_text().splitlines()
    assert {"waiting": 2, "gave_up": 0} == runner.form()


def test_nothing_is_looked_at_each_second_while_something_waits_for_its_next_try(bench: HookBench) -> None:
    runner = _runner(bench, pauses_s=(3_600.0,))
    bench.end()
    assert 0.0 == runner._step(DeliveryKind.RUN)
    assert runner._step(DeliveryKind.RUN) > 1


def test_whether_a_batch_is_over_is_looked_at_each_second(bench: HookBench) -> None:
    bench.tree = bench.rules("after: {run: /bin/true, batch: true}")
    runner = _runner(bench, pauses_s=(3_600.0,))
    bench.end()
    assert 0.0 < runner._step(DeliveryKind.RUN) <= 1
    assert runner._step(DeliveryKind.POST) > 1
