"""Whatever takes a decoder over can do nothing: each attack is tried in a worker, in ffmpeg's cell, and outside."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.attacks import ATTACKS, RARE
from vsortd.core.system.confinement import offered
from vsortd.errors import BrokenError, FilingError, VideoError
from vsortd.media.decoder_grants import _python_folders, ffmpeg_grants
from vsortd.media.ffmpeg import _under_guard, confinable, find_ffmpeg, run_ffmpeg
from vsortd.media.pool import MediaPool
from vsortd.media.worker_process import WorkerOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Build = Callable[..., Path]

pytestmark = pytest.mark.skipif(not offered().whole, reason="this kernel offers no Landlock, or no seccomp")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def prey(tmp_path: Path, clip_file: Build) -> Iterator[dict[str, Any]]:
    """Lay out what attacks are aimed at: files, sockets that listen, this process."""
    folder = tmp_path / "prey"
    folder.mkdir()
    for name in ("secret", "other", "doomed", "movable"):
        (folder / name).write_bytes(b"the only copy")
    secret_memory = ctypes.create_string_buffer(b"what the parent knows")
    with (
        socket.socket() as port,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        port.bind(("127.0.0.1", 0))
        named.bind(str(tmp_path / "socket"))
        abstract.bind(f"\0vsortd-test-{os.getpid()}")
        for one in (port, named, abstract):
            one.listen(16)
        yield {
            "secret": str(folder / "secret"),
            "other": str(folder / "other"),
            "doomed": str(folder / "doomed"),
            "movable": str(folder / "movable"),
            "folder": str(folder),
            "port": port.getsockname()[1],
            "socket": str(tmp_path / "socket"),
            "abstract": f"\0vsortd-test-{os.getpid()}",
            "parent": os.getpid(),
            "address": ctypes.addressof(secret_memory),
            "program": sys.executable,
            "tool": "/bin/true",
            "video": str(clip_file()),
        }


def untouched(prey: dict[str, Any]) -> bool:
    folder = Path(prey["folder"])
    names = {"secret", "other", "doomed", "movable"}
    return names == {one.name for one in folder.iterdir()} and all(
        (folder / name).read_bytes() == b"the only copy" for name in names
    )


@pytest.fixture(scope="module")
def cell() -> Iterator[MediaPool]:
    """Share a worker that takes requests to attack."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSORTD_MEDIA_TEST_OPS", "tests.support.worker_troubles")
        with MediaPool(1, timeout_s=60, memory_bytes=1_000_000_000, must_confine=True) as pool:
            pool.warm()
            yield pool


def came_of(pool: MediaPool, name: str, prey: dict[str, Any]) -> str:
    request = {"op": "attack", "name": name, "path": prey["video"], "arguments": prey}
    return str(pool.call(request)[0]["came"])


@pytest.mark.parametrize("name", ATTACKS)
def test_a_worker_can_do_nothing_but_answer(name: str, cell: MediaPool, prey: dict[str, Any]) -> None:
    before = Path(prey["video"]).stat()
    assert came_of(cell, name, prey).startswith("refused: ")
    after = Path(prey["video"]).stat()
    assert untouched(prey)
    assert (before.st_mode, before.st_mtime_ns, before.st_size) == (after.st_mode, after.st_mtime_ns, after.st_size)


def test_a_worker_that_draws_can_do_no_more_but_write_into_what_it_was_given(
    prey: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSORTD_MEDIA_TEST_OPS", "tests.support.worker_troubles")
    drawn = tmp_path / "drawn.mp4"
    drawn.touch()
    descriptor = os.open(drawn, os.O_RDWR)
    try:
        output = WorkerOutput(descriptor, str(drawn), 1000)
        with MediaPool(1, timeout_s=60, memory_bytes=1_000_000_000, must_confine=True, output=output) as pool:
            for name in ATTACKS:
                request = {"op": "attack", "name": name, "path": prey["video"], "arguments": prey}
                assert str(pool.call({**request, "output": str(drawn)})[0]["came"]).startswith("refused: "), name
            assert 1000 == pool.call({"op": "fill", "output": str(drawn)})[0]["bytes"]
    finally:
        os.close(descriptor)
    assert untouched(prey)
    assert 1000 == drawn.stat().st_size


def test_the_worker_that_was_tried_still_decodes(cell: MediaPool, clip_file: Build, prey: dict[str, Any]) -> None:
    assert came_of(cell, "read a file", prey).startswith("refused")
    assert 24 == cell.probe(clip_file("again.mp4")).frames


def test_each_attack_works_for_a_process_that_is_not_confined(prey: dict[str, Any]) -> None:
    """Otherwise their refusal would say nothing."""
    names = [name for name in ATTACKS if name not in RARE]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.attacks", json.dumps(prey), *names],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    failed = {name: came for name, came in json.loads(done.stdout).items() if not came.startswith("done")}
    # what a file system or an older kernel may not have, and what an account may not do to its parent
    excused = {"set flags of the video", "mark the video", "read the parent's memory", "start a process by clone3"}
    assert not set(failed) - excused, failed


@pytest.mark.parametrize("name", ATTACKS)
def test_what_takes_ffmpeg_over_can_do_no_more(name: str, prey: dict[str, Any], tmp_path: Path) -> None:
    """Another program in the same cell, which may also read what Python needs to run at all."""
    source, target = Path(prey["video"]), tmp_path / "target.mp4"
    target.touch()
    program = Path(sys.executable).resolve()
    grants = ffmpeg_grants(program, source, target)
    assert grants is not None
    grants = replace(grants, read=(*grants.read, *_python_folders(), str(ROOT)))
    module = "'tests.support.attacks', run_name='__main__'"
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; import runpy; runpy.run_module({module})"
    command = _under_guard([str(program), "-I", "-S", "-c", code, json.dumps(prey), name], grants, 0, must=True)
    done = subprocess.run(command, capture_output=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)[name].startswith("refused: ")
    assert untouched(prey)


HOSTILE = {
    "reads another file": "-f data -i file:{secret} -map 0 -c copy -f data file:{target}",
    "writes another file": "-f mov -i file:{video} -c copy -f mp4 file:{folder}/made.mp4",
    "overwrites another file": "-f mov -i file:{video} -c copy -f mp4 file:{other}",
    "calls a port": "-f mov -i file:{video} -c copy -f mpegts tcp://127.0.0.1:{port}",
    "calls a socket": "-f mov -i file:{video} -c copy -f mpegts unix:{socket}",
}


def hostile(name: str, prey: dict[str, Any], target: Path) -> list[str]:
    return [word.format_map({**prey, "target": target}) for word in HOSTILE[name].split()]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_ffmpeg_reads_only_the_source_and_writes_only_the_target(
    name: str, prey: dict[str, Any], tmp_path: Path
) -> None:
    target = tmp_path / "target.mp4"
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-y", "-v", "error", *hostile(name, prey, target)]
    with pytest.raises((BrokenError, FilingError), match=r"[Pp]ermission|not permitted"):
        run_ffmpeg(command, source=Path(prey["video"]), target=target, stall_s=60)
    assert untouched(prey)
    plain = tmp_path / "plain.mp4"
    done = subprocess.run(
        [*command[:6], *hostile(name, prey, plain)], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    assert b"ermi" not in done.stderr  # it is no mistake of the command that stops it


def test_this_ffmpeg_is_confined(clip_file: Build, tmp_path: Path) -> None:
    ffmpeg = find_ffmpeg()
    assert confinable(ffmpeg)
    target = tmp_path / "copy.mp4"
    command = [str(ffmpeg), "-nostdin", "-y", "-v", "error", "-i", f"file:{clip_file()}", "-c", "copy"]
    run_ffmpeg([*command, f"file:{target}"], source=tmp_path / "clip.mp4", target=target, stall_s=60, must_confine=True)
    assert target.stat().st_size > 1000


def test_an_ffmpeg_that_is_a_script_runs_all_the_same_unless_confinement_is_required(
    clip_file: Build, tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(f'#!/bin/sh\nexec "{find_ffmpeg()}" "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    source, target = clip_file(), tmp_path / "copy.mp4"
    command = [str(script), "-nostdin", "-y", "-v", "error", "-i", f"file:{source}", "-c", "copy", f"file:{target}"]
    run_ffmpeg(command, source=source, target=target, stall_s=60)
    assert target.stat().st_size > 1000
    target.unlink()
    with pytest.raises(Exception, match=r"can't be confined here: .* runs only with all rights") as caught:
        run_ffmpeg(command, source=source, target=target, stall_s=60, must_confine=True)
    assert not isinstance(caught.value, VideoError)  # no fault of the video's
    assert 0 == target.stat().st_size


def test_a_worker_reads_the_file_that_it_was_given_and_none_by_name(cell: MediaPool, prey: dict[str, Any]) -> None:
    request = {"op": "given", "path": prey["video"], "bytes": 16}
    assert Path(prey["video"]).read_bytes()[:16].hex() == cell.call(request)[0]["read"]
    with pytest.raises(BrokenError, match=r"can't be opened \(Permission denied\)"):
        cell.call({**request, "instead": prey["secret"]})
    with pytest.raises(BrokenError, match=r"can't be opened \(Permission denied\)"):
        cell.call(
            {"op": "given", "path": prey["other"], "bytes": 16, "instead": prey["video"]}
        )  # that of the last time


def test_children_get_no_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "VSORTD_TOKEN", "AWS_SECRET_ACCESS_KEY", "CUDA_TOKEN", "MY_PASSWORD", "SSH_AUTH_SOCK"):
        monkeypatch.setenv(name, "hidden-value")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with MediaPool(1, timeout_s=60, memory_bytes=10**9) as pool:
        pool.warm()
        (pid,) = pool.pids()
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    assert not [one for one in environment if b"hidden-value" in one]
    assert b"CUDA_VISIBLE_DEVICES=0" in environment


def test_a_worker_has_limits(cell: MediaPool) -> None:
    (pid,) = cell.pids()
    rows = {line[:26].strip(): line[26:].split()[0] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()}
    assert ("0", "0", "64") == (rows["Max file size"], rows["Max core file size"], rows["Max open files"])
    status = Path(f"/proc/{pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
