"""A worker that crashes, hangs, grows, lies or is killed costs one video; nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import pytest

from vsortd.errors import BrokenError, Cancelled, LimitError, VideoError, VsortdError
from vsortd.media import worker_pool
from vsortd.media.pool import MediaPool

Build = Callable[..., Path]


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def own(hostile_ops: None) -> Iterator[MediaPool]:  # noqa: ARG001 - sets the environment first
    with MediaPool(1, timeout_s=20, memory_bytes=400_000_000) as pool:
        yield pool


def still_works(pool: MediaPool, path: Path) -> bool:
    return pool.probe(path).frames == 24


def test_a_crash_costs_one_video(own: MediaPool, clip_file: Build) -> None:
    with pytest.raises(LimitError, match=r"crashed .SIGABRT."):
        own.call({"op": "abort"})
    assert still_works(own, clip_file())


def test_a_worker_that_died_idle_costs_nothing(
    own: MediaPool, clip_file: Build, is_running: Callable[[int], bool], eventually: Callable[..., bool]
) -> None:
    own.warm()
    (pid,) = own.pids()
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not is_running(pid))
    assert still_works(own, clip_file())


def test_a_worker_killed_at_work_says_so(own: MediaPool, eventually: Callable[..., bool]) -> None:
    own.warm()
    (pid,) = own.pids()
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(own.call, {"op": "hang"})
        assert eventually(lambda: bool(own._busy))
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(LimitError, match=r"killed .SIGKILL."):
            future.result(timeout=20)


def test_a_time_out_kills_the_worker(own: MediaPool, is_running: Callable[[int], bool], clip_file: Build) -> None:
    own.warm()
    (pid,) = own.pids()
    with pytest.raises(LimitError, match=r"longer than 0\.3 s"):
        own.call({"op": "hang"}, timeout_s=0.3)
    assert not is_running(pid)
    assert still_works(own, clip_file())


def test_memory_is_limited_and_the_worker_lives_on(own: MediaPool, clip_file: Build) -> None:
    assert own.call({"op": "eat", "bytes": 50_000_000})[0] == {"eaten": 50_000_000}
    (pid,) = own.pids()
    with pytest.raises(LimitError, match="memory"):
        own.call({"op": "eat", "bytes": 600_000_000})
    assert own.pids() == (pid,)
    assert still_works(own, clip_file())


def test_a_picture_too_large_for_the_limit_is_refused(clip_file: Build) -> None:
    """Frames of 24 million pixels fit the pixel limit but, at 36 MB each, not 110 MB."""
    path = clip_file(frames=2, width=6000, height=4000, codec="mpeg4")
    with MediaPool(1, timeout_s=30, memory_bytes=110_000_000) as small, pytest.raises(VideoError) as caught:
        small.probe(path)
    assert LimitError is type(caught.value), caught.value.reason


def test_cancelling_ends_a_call_and_its_worker(own: MediaPool, is_running: Callable[[int], bool]) -> None:
    own.warm()
    (pid,) = own.pids()
    cancel = threading.Event()
    threading.Timer(0.1, cancel.set).start()
    with pytest.raises(Cancelled):
        own.call({"op": "hang"}, cancel=cancel)
    assert not is_running(pid)


def test_cancelling_ends_the_wait_for_a_worker(own: MediaPool, eventually: Callable[..., bool]) -> None:
    cancel, stop = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        own.warm()
        busy = executor.submit(own.call, {"op": "hang"}, cancel=stop)
        assert eventually(lambda: bool(own._busy))
        cancel.set()
        with pytest.raises(Cancelled):
            own.call({"op": "hang"}, cancel=cancel)
        stop.set()
        with pytest.raises(Cancelled):
            busy.result(timeout=10)


def test_prints_of_a_library_do_not_reach_the_replies(own: MediaPool) -> None:
    assert {"noise": True} == own.call({"op": "noise"})[0]


def test_errors_of_a_video_keep_their_class(own: MediaPool) -> None:
    with pytest.raises(BrokenError, match="left"):
        own.call({"op": "leave", "reason": ""})


def test_workers_are_replaced_after_many_videos(monkeypatch: pytest.MonkeyPatch, clip_file: Build) -> None:
    monkeypatch.setattr(worker_pool, "REQUESTS_PER_WORKER", 3)
    path = clip_file()
    seen = set()
    with MediaPool(1, timeout_s=20, memory_bytes=400_000_000) as pool:
        for _ in range(7):
            pool.probe(path)
            seen.update(pool.pids())
    assert 3 == len(seen)  # the third and the sixth request end a worker's life


def test_many_threads_share_few_workers(clip_file: Build) -> None:
    path = clip_file()
    with MediaPool(2, timeout_s=20, memory_bytes=400_000_000) as pool, ThreadPoolExecutor(8) as executor:
        assert [24] * 24 == [clip.frames for clip in executor.map(lambda _: pool.probe(path), range(24))]
        assert len(pool.pids()) <= 2


def test_a_starter_that_another_call_made_anew_stays() -> None:
    """Its thread has started that call's worker, which lives no longer than the thread."""

    class Threadless(ThreadPoolExecutor):
        def submit(self, *_: object, **__: object) -> NoReturn:
            pool._starter = other
            raise RuntimeError("can't start new thread")

    with MediaPool(1, timeout_s=20, memory_bytes=400_000_000) as pool, ThreadPoolExecutor(1) as other:
        pool._starter.shutdown()
        pool._starter = Threadless(1)
        with pytest.raises(VsortdError, match="No decoding process can be started now"):
            pool.warm()
        assert other is pool._starter


@pytest.mark.usefixtures("hostile_ops")
def test_closing_ends_calls_processes_and_descriptors(
    is_running: Callable[[int], bool], eventually: Callable[..., bool]
) -> None:
    before = open_descriptors()
    pool = MediaPool(2, timeout_s=60, memory_bytes=400_000_000)
    pool.warm(2)
    pids = pool.pids()
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.call, {"op": "hang"})
        assert eventually(lambda: bool(pool._busy))
        pool.close()
        with pytest.raises((Cancelled, LimitError)):
            future.result(timeout=10)
    assert [False, False] == [is_running(pid) for pid in pids]
    assert before == open_descriptors()
    pool.close()


PARENT = """
import sys, threading
from vsortd.media.pool import MediaPool
pool = MediaPool(1, timeout_s=60, memory_bytes=400_000_000)
pool.warm()
threading.Thread(target=pool.call, args=({"op": "hang"},), daemon=True).start()
print(pool.pids()[0], flush=True)
threading.Event().wait()
"""


@pytest.mark.usefixtures("hostile_ops")
def test_workers_die_with_a_killed_parent(is_running: Callable[[int], bool], eventually: Callable[..., bool]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert is_running(worker)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: not is_running(worker))


def test_a_worker_loads_neither_the_model_nor_the_command_line(own: MediaPool) -> None:
    own.warm()
    maps = Path(f"/proc/{own.pids()[0]}/maps").read_text(encoding="utf-8", errors="replace")
    assert "libtorch" not in maps
    names = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import sys, vsortd.media.worker as w; w._operations(); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"torch", "click", "pydantic", "yaml", "PIL", "vsortd.config.settings"} & set(names)


def test_the_pool_does_not_load_the_decoders_into_the_daemon() -> None:
    code = "import sys, vsortd.media.pool, vsortd.media.convert; print('av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == done.stdout.strip()


def test_a_system_without_threads_is_told_of_and_not_taken_for_the_end(
    monkeypatch: pytest.MonkeyPatch, clip_file: Build
) -> None:
    path = clip_file()
    with MediaPool(1, timeout_s=30, memory_bytes=600_000_000) as own:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", _no_more)
            with pytest.raises(VsortdError, match="No decoding process can be started now: can't start new thread"):
                own.probe(path)
        assert 24 == own.probe(path).frames


def _no_more(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
