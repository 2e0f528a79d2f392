"""`index --ray`: workers on any machine, one index, and nothing lost or doubled when a worker dies."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from vsortd.config.load import load_settings
from vsortd.core.identity import Identity
from vsortd.errors import UsageError, VsortdError
from vsortd.index.store import Index
from vsortd.library.indexing.embed import Indexed, IndexingState, KnownFrames, SamplingRound, index_paths, walk
from vsortd.library.indexing.ray_cluster import WorkerShare, _Merge, index_with_ray, share_out
from vsortd.library.indexing.ray_worker import AttemptCounter, WorkerFrames, WorkItem
from vsortd.library.indexing.sampling import name_of, part_name
from vsortd.media.pool import MediaPool
from vsortd.pipeline.services import Services
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.index.stored_looks import Embedded
    from vsortd.vision.encoder import Encoder

FPS, STEP_MS = 2.0, 500
LONG_S = 600  # 38 parts: some seconds of work, so that a worker can be killed over it


def test_workers_share_the_machines_out() -> None:
    assert WorkerShare(4, 4, 0) == share_out([(16, 0)], None)
    assert WorkerShare(1, 2, 0) == share_out([(2, 0)], None)
    assert WorkerShare(3, 1, 0) == share_out([(4, 0)], 3)
    assert WorkerShare(3, 2, 0) == share_out([(4, 0), (3, 0)], 3), "a worker fits on one machine"
    assert WorkerShare(5, 1, 0) == share_out([(4, 0), (1, 0)], 9), "no more workers than CPUs"


def test_every_gpu_gets_a_worker_and_several_share_one_on_wish() -> None:
    assert WorkerShare(2, 8, 1) == share_out([(16, 2)], None)
    assert WorkerShare(4, 4, 0.5) == share_out([(16, 2)], 4)
    assert WorkerShare(1, 8, 1) == share_out([(64, 0), (8, 1)], None), "the model runs where the GPU is"
    assert WorkerShare(1, 4, 0) == share_out([(4, 0), (0, 1)], None), "a GPU without a CPU is of no use"


def test_a_cluster_without_processors_is_an_error() -> None:
    with pytest.raises(VsortdError, match="no CPU"):
        share_out([(0, 1)], None)


def test_items_and_sights_survive_the_way_with_any_name() -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import Table

    path = Path(os.fsdecode(b"/films/\xff\xfe.mp4"))
    item = WorkItem(path, 5, 1 << 60, KnownFrames(("spread-8", "pace-500:0"), np.array([250, 750], np.int64)))
    back = WorkItem.from_row(Table.from_pylist([item.to_row()]).to_pylist()[0])
    assert (item.path, item.size_bytes, item.mtime_ns) == (back.path, back.size_bytes, back.mtime_ns)
    assert item.known.looks == back.known.looks
    assert item.known.times_ms.tolist() == back.known.times_ms.tolist()
    sight = WorkerFrames(os.fsencode(path), "pace-500:1", "{}", b"\0\1", b"\2\0", ("pace-500:0",))
    assert sight == WorkerFrames.from_row(Table.from_pylist([sight.to_row()]).to_pylist()[0])


def test_tries_are_counted_for_each_video() -> None:
    counter = AttemptCounter()
    assert [1, 2, 1] == [counter.begin(path) for path in (b"a", b"a", b"b")]


# --- merging, with what a worker would send


@pytest.fixture(scope="module")
def encoder() -> Iterator[Encoder]:
    encoder = load_encoder("sample", device="cpu")
    yield encoder
    encoder.close()


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with eleven short videos, a long one and a broken one, and their config beside it."""
    folder = tmp_path_factory.mktemp("ray")
    inbox = folder / "in"
    inbox.mkdir()
    for number in range(11):
        _render(inbox / f"{number:02}.mp4", 6, seed=number)
    _render(inbox / "long.mp4", LONG_S, seed=99)
    (inbox / "broken.mp4").write_bytes((inbox / "00.mp4").read_bytes()[:900])
    (folder / "config.yaml").write_text(
        f"version: 2\ninboxes: [{{path: '{inbox}'}}]\nlibrary: '{folder / 'out'}'\nmodel: sample\n"
        "rules: [{name: forest}]\n"
    )
    return inbox


@pytest.fixture(scope="module")
def looks(inbox: Path, encoder: Encoder) -> list[SamplingRound]:
    """Return what there is to see in the first video."""
    path = inbox / "00.mp4"
    identity = Identity.of(path)
    assert identity is not None
    with MediaPool(1, timeout_s=60, memory_bytes=2 * 10**9) as media:
        return list(walk(media, encoder, path, identity, KnownFrames((), np.empty(0, np.int64)), step_ms=STEP_MS))


@pytest.fixture
def merge(inbox: Path, encoder: Encoder, tmp_path: Path) -> Iterator[_Merge]:
    index = Index(tmp_path / "index.sqlite3")
    yield _Merge(index, encoder.info, STEP_MS, [inbox / "00.mp4"], lambda *_: None)
    index.close()


def _sent(item: WorkItem, looks: list[SamplingRound]) -> list[WorkerFrames]:
    return [WorkerFrames.of(item, look, tuple(one.name for one in looks[:number])) for number, look in enumerate(looks)]


@pytest.mark.long
def test_work_that_was_done_twice_counts_once(merge: _Merge, looks: list[SamplingRound]) -> None:
    (item,) = merge.begin()
    part, mark = _sent(item, looks)
    for sight in (part, part, mark, part, mark):
        merge.take(sight)
    assert [Indexed(item.path, IndexingState.INDEXED, 12, 6.0)] == merge.end()
    identity = Identity.of(item.path)
    assert identity is not None
    film = merge._index.film(identity, merge.info.key)
    assert film is not None
    assert looks[0].embedded.times_ms.tolist() == film.times_ms.tolist()
    assert (looks[0].embedded.vectors == film.vectors.astype(np.float32)).all()
    assert {part_name(STEP_MS, 0), name_of(STEP_MS)} == set(merge._index.looks(identity, merge.info.key))


def test_a_video_whose_part_got_lost_is_not_taken_for_done(merge: _Merge, looks: list[SamplingRound]) -> None:
    (item,) = merge.begin()
    merge.take(_sent(item, looks)[-1])
    (outcome,) = merge.end()
    assert IndexingState.FAILED is outcome.state
    assert "lost" in outcome.reason
    assert merge._index.models() == {}


def test_a_video_that_no_worker_spoke_of_failed(merge: _Merge, looks: list[SamplingRound]) -> None:
    (item,) = merge.begin()
    merge.take(_sent(item, looks)[0])
    (outcome,) = merge.end()
    assert (IndexingState.FAILED, True) == (outcome.state, "no other came to its end" in outcome.reason)


def test_a_file_that_changed_meanwhile_is_not_kept(merge: _Merge, looks: list[SamplingRound]) -> None:
    (item,) = merge.begin()
    hand = merge._hands[item.path]
    hand.identity = replace(hand.identity, mtime_ns=hand.identity.mtime_ns + 1)
    for sight in _sent(item, looks):
        merge.take(sight)
    (outcome,) = merge.end()
    assert (IndexingState.FAILED, True) == (outcome.state, "changed" in outcome.reason)
    assert merge._index.models() == {}


def test_a_worker_that_cannot_work_stops_all(merge: _Merge) -> None:
    (item,) = merge.begin()
    with pytest.raises(VsortdError, match="no weights here") as caught:
        merge.take(WorkerFrames(os.fsencode(item.path), trouble="There are no weights here.", remedy="Fetch them."))
    assert "Fetch them." == caught.value.remedy


def test_without_ray_the_error_names_the_extra(inbox: Path, own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(inbox.parent / "config.yaml")
    with Services.open(settings, own_state, keep_trying=False, load_model=False) as services:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
        with pytest.raises(VsortdError, match="not installed") as caught:
            index_with_ray(services, [inbox], fps=1)
        assert "pip install 'vsortd[ray]'" == caught.value.remedy
        with pytest.raises(UsageError, match="--workers"):
            index_with_ray(services, [inbox], fps=1, workers=0)


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("address", "kind", "words"),
    [
        ("ray://head:10001", UsageError, "no address of a cluster"),
        ("head", UsageError, "no address of a cluster"),
        ("127.0.0.1:9", VsortdError, "no Ray to connect to at 127.0.0.1:9"),
    ],
)
def test_an_address_without_a_cluster_is_told_at_once(
    inbox: Path, own_state: Path, address: str, kind: type[VsortdError], words: str
) -> None:
    pytest.importorskip("ray")
    settings = load_settings(inbox.parent / "config.yaml")
    with Services.open(settings, own_state, keep_trying=False) as services, pytest.raises(kind, match=words):
        index_with_ray(services, [inbox / "00.mp4"], fps=1, address=address)


# --- the real Ray, in a process of its own: it leaves threads behind

_SCRIPT = """
import json, sys, threading
from pathlib import Path

import psutil

from vsortd.errors import Cancelled
from vsortd.library.indexing.ray_cluster import index_with_ray
from vsortd.config.load import load_settings
from vsortd.pipeline.services import Services

inbox, state, seeded = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
found = {}
begun = set()


def workers():
    begun.update(psutil.Process().children(recursive=True))
    alive = []
    for process in begun:
        try:
            if "MapWorker" in process.name() and process.status() != psutil.STATUS_ZOMBIE:
                alive.append(process)
        except psutil.Error:
            pass
    return alive


def in_hand(worker):
    try:
        return any("long.mp4" in file.path for child in worker.children() for file in child.open_files())
    except psutil.Error:
        return False


def cancel_when_begun(stop):
    while not stop.wait(0.01):
        if workers():
            stop.set()


def kill_over_the_long_one(stop):
    while not stop.wait(0.01):
        film = next((film for film in services.index.films(key) if film.path.name == "long.mp4"), None)
        for worker in workers() if film is not None and len(film.times_ms) > seeded else ():
            if in_hand(worker):
                worker.kill()
                found["killed"] = worker.pid
                return


def run(meanwhile, cancel):
    stop = threading.Event() if cancel is None else cancel
    beside = threading.Thread(target=meanwhile, args=(stop,))
    beside.start()
    told = []
    try:
        outcomes = index_with_ray(
            services, [inbox], fps=2.0, workers=2, on_progress=lambda *counts: told.append(counts), cancel=cancel
        )
        return [[one.path.name, one.state.value, one.frames, one.reason] for one in outcomes], told
    finally:
        stop.set()
        beside.join()
        _, left = psutil.wait_procs(begun, timeout=20)
        found.setdefault("begun", []).append(len(begun))
        found.setdefault("left", []).append([process.name() for process in left])
        begun.clear()


with Services.open(load_settings(inbox.parent / "config.yaml"), state, keep_trying=False) as services:
    key = services.model.get(threading.Event()).encoder.info.key
    try:
        run(cancel_when_begun, threading.Event())
    except Cancelled:
        found["cancelled"] = True
    found["outcomes"], found["told"] = run(kill_over_the_long_one, None)
    (inbox / "broken.mp4").unlink()
    found["again"] = [one.state.value for one in index_with_ray(services, [inbox], fps=2.0, workers=2)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def reference(inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Return the index that one machine makes."""
    state = tmp_path_factory.mktemp("reference")
    with Services.open(load_settings(inbox.parent / "config.yaml"), state, keep_trying=False) as services:
        outcomes = index_paths(services, [inbox], fps=FPS)
        assert 12 == sum(outcome.state is IndexingState.INDEXED for outcome in outcomes)
        return Index(services.index.path)


@pytest.fixture(scope="module")
def ray_run(inbox: Path, reference: Index, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Index]:
    """Let Ray index the folder, called off once, then with a worker killed; three parts of the long one are kept."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: pip install 'vsortd[ray]'")
    state = tmp_path_factory.mktemp("state-of-ray")
    key = next(iter(reference.models()))
    seeded = _seed(Index(state / reference.path.name), reference, inbox / "long.mp4", key, parts=3)
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(inbox), str(state), str(seeded)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert 0 == run.returncode, run.stderr[-3000:]
    return json.loads(run.stdout), Index(state / reference.path.name)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(300)
class TestWithRay:
    """One run of the real thing, looked at from all sides."""

    def test_every_video_is_indexed_although_a_worker_was_killed(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        found, _ = ray_run
        assert found["killed"]
        states = {name: state for name, state, _, _ in found["outcomes"]}
        assert {**{f"{number:02}.mp4": "indexed" for number in range(11)}, "long.mp4": "indexed"} == {
            name: state for name, state in states.items() if name != "broken.mp4"
        }

    def test_a_broken_video_fails_alone(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        ((_, state, frames, reason),) = [one for one in ray_run[0]["outcomes"] if one[0] == "broken.mp4"]
        assert ("failed", 0, True) == (state, frames, "missing at its end" in reason)

    def test_parts_that_were_kept_are_not_looked_at_again(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        frames = {name: count for name, _, count, _ in ray_run[0]["outcomes"]}
        assert (2 * LONG_S - 3 * 32, 12) == (frames["long.mp4"], frames["00.mp4"])

    def test_the_index_is_that_of_one_machine(self, ray_run: tuple[dict[str, Any], Index], reference: Index) -> None:
        key = next(iter(reference.models()))
        ours, theirs = list(reference.films(key)), list(ray_run[1].films(key))
        assert [film.path for film in ours] == [film.path for film in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.times_ms.tolist() == other.times_ms.tolist()
            # bf16 may round otherwise in batches of other sizes
            np.testing.assert_allclose(other.vectors.astype(float), one.vectors.astype(float), atol=4e-3)
            assert set(reference.looks(one.identity, key)) == set(ray_run[1].looks(other.identity, key))

    def test_progress_counts_each_video_once(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        assert [[done, 13] for done in range(14)] == ray_run[0]["told"]

    def test_calling_it_off_ends_ray(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        assert ray_run[0]["cancelled"]
        assert all(ray_run[0]["begun"])
        assert [[], []] == ray_run[0]["left"]

    def test_a_second_run_has_nothing_to_do(self, ray_run: tuple[dict[str, Any], Index]) -> None:
        assert ["known"] * 12 == ray_run[0]["again"]


def _seed(index: Index, reference: Index, path: Path, key: str, *, parts: int) -> int:
    """Keep the first parts of a video as a run that was killed would have; return how many frames that are."""
    identity = Identity.of(path)
    assert identity is not None
    with MediaPool(1, timeout_s=60, memory_bytes=2 * 10**9) as media:
        clip = media.probe(path)
    count = 0
    for number in range(parts):
        part: Embedded | None = reference.recall(identity, key, part_name(STEP_MS, number))
        assert part is not None
        index.keep(identity, path, clip, key, part_name(STEP_MS, number), part)
        count += len(part.times_ms)
    index.close()
    return count


def _render(path: Path, seconds: int, *, seed: int) -> None:
    """Render blocks of colour that change every four seconds, two pictures a second."""
    colours = np.random.default_rng(seed)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=2, options={"preset": "ultrafast", "crf": "35", "g": "4"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = Fraction(1, 2)
        for number in range(2 * seconds):
            if number % 8 == 0:
                blocks = colours.integers(0, 255, (8, 12, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(blocks), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
