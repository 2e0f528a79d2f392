"""What tests of trouble share: small clips, small disks, and gates that hold the real command at a named moment."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.support import harness

# Every video goes to one folder whatever it shows, and two pictures are enough to say so.
ONE_RULE = "rules:\n  - {name: kept, prompts: [sea], min_score: 0, min_margin: 0}\n"
QUICK = "sampling: {min_frames: 2, max_frames: 2}\n"

# Runs in the command before anything else. A gate is armed by a file; whoever comes to it says so by another one, and
# waits until the first is gone. Its workers get the videos opened, and none of its environment.
_GATES = """\
import os, sys, time
from pathlib import Path

GATES = Path(os.environ.get("VSORTD_TEST_GATES", ""))


def stand(name):
    if (GATES / name).exists():
        (GATES / (name + ".reached")).touch()
        while (GATES / name).exists():
            time.sleep(0.01)


def gated(path):
    # a video is opened to probe it, then to take pictures of it; or once for both
    if path.endswith((".mp4", ".mov")):
        mark = GATES / (os.path.basename(path) + ".probed")
        stand("probe")
        if mark.exists():
            stand("sample")
        elif (GATES / "sample").exists():
            mark.touch()
    return opened(path)


if "VSORTD_TEST_GATES" in os.environ and ("run" in sys.argv or "sort" in sys.argv):
    from vsortd.core.system import fault_points, regular_file

    fault_points._hook = lambda point: stand(point.value)
    opened, regular_file.open_regular = regular_file.open_regular, gated

behind = float(os.environ.get("VSORTD_TEST_CLOCK_S", "0"))
if behind:
    true, true_ns = time.time, time.time_ns
    jumped = GATES / "clock"
    time.time = lambda: true() + behind * jumped.exists()
    time.time_ns = lambda: true_ns() + int(behind * 1e9) * jumped.exists()
"""

# An ffmpeg that has finished when it stands at its gate.
_FFMPEG = """\
#!/bin/sh
{ffmpeg} "$@"
code=$?
case "$*" in *-version*) exit $code;; esac
if [ -e {gate} ]; then touch {gate}.reached; while [ -e {gate} ]; do sleep 0.02; done; fi
exit $code
"""


@dataclass(frozen=True)
class Gates:
    """Holds the commands of one home at a moment: `probe`, `sample`, `convert`, `clock`, or a fault point's name."""

    folder: Path

    @classmethod
    def of(cls, home: harness.Home, *, clock_s: float = 0) -> Gates:
        """Put gates into every command of `home` that is started from now on."""
        gates = cls(home.folder / "gates")
        gates.folder.mkdir()
        (gates.folder / "sitecustomize.py").write_text(_GATES)
        home.more_environment |= {
            "PYTHONPATH": str(gates.folder),
            "VSORTD_TEST_GATES": str(gates.folder),
            "VSORTD_TEST_CLOCK_S": str(clock_s),
        }
        if ffmpeg := shutil.which("ffmpeg"):
            script = gates.folder / "ffmpeg"
            script.write_text(
                _FFMPEG.format(ffmpeg=shlex.quote(ffmpeg), gate=shlex.quote(str(gates.folder / "convert")))
            )
            script.chmod(0o755)
            home.more_environment["VSORTD_FFMPEG"] = str(script)
        return gates

    @contextlib.contextmanager
    def held(self, home: harness.Home, name: str, video: Path) -> Iterator[None]:
        """Drop a file made elsewhere, and wait until it stands at the gate; it goes on at the end."""
        gate, reached = self.folder / name, self.folder / f"{name}.reached"
        gate.touch()
        try:
            video.rename(home.inbox / video.name)
            home.wait(reached.exists, what=f"{video.name} stands at {name}")
            yield
        finally:
            gate.unlink()
            reached.unlink(missing_ok=True)


def make_clip(path: Path, *, number: int = 0, frames: int = 6, size: int = 64) -> Path:
    """Make a small playable clip whose bytes depend on `number`; .mov by the name's end."""
    form = "mov" if path.suffix == ".mov" else "mp4"
    with av.open(os.fspath(path.with_name(f"making.{number}.{form}")), "w", format=form) as out:
        video: Any = out.add_stream("libx264", rate=12)
        video.width = video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.options = {"threads": "1", "preset": "ultrafast"}
        rng = np.random.default_rng(number)
        for _ in range(frames):
            picture = rng.integers(0, 255, (size // 8, size // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(video.encode(None))
    path.with_name(f"making.{number}.{form}").rename(path)
    return path


def status(home: harness.Home) -> dict[str, Any]:
    """Ask the daemon itself, many times cheaper than the command; {} while it does not answer."""
    from vsortd.errors import DaemonUnreachableError
    from vsortd.service.client import Client

    try:
        return dict(Client(home.folder / "state").status())
    except DaemonUnreachableError:
        return {}


def file_directly(home: harness.Home, *videos: Path, folder: str = "kept") -> None:
    """File videos by the filer itself into the home's journal, which needs no model."""
    from vsortd.config.place_options import Place
    from vsortd.core.identity import Identity
    from vsortd.filing.journal import Journal
    from vsortd.filing.place import Filer
    from vsortd.filing.placement import FilingRequest

    place = Place()
    with Journal.open(home.folder / "state" / "journal.sqlite3") as journal:
        filer = Filer(journal, home.library, place)
        for video in videos:
            identity = Identity.of(video)
            assert identity is not None
            filer.place(FilingRequest(source=video, identity=identity, folder=(folder,)))
        filer.close()


def padded(data: bytes, text: bytes) -> bytes:
    """Return a clip with a box of its own at its end: as playable as before, and unlike every other."""
    return data + (8 + len(text)).to_bytes(4) + b"free" + text


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a small filesystem in memory over `folder`; skips the test where that can't be had."""
    with mounted(["-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs"], folder):
        yield


@contextlib.contextmanager
def mounted(what: list[str | Path], folder: Path, *, by: Sequence[str] = ("mount",)) -> Iterator[None]:
    """Mount something over `folder`, made if need be; `by` is the program, with what comes before the rest."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("only root may mount")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([*by, *what, folder], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"can't mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        for _ in range(50):  # a process that was just killed may still hold it
            if subprocess.run(["umount", folder], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "--lazy", folder], check=True)


def without_rights() -> list[str]:
    """Return what goes before a command so that modes of files count for it, also when root runs the tests."""
    if sys.platform == "win32":
        pytest.skip("no modes there")
    if os.getuid() != 0:
        return []
    command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all"]
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("root ignores modes, and setpriv can't take that away here")
    return command


def fill(folder: Path) -> Path:
    """Fill the disk of `folder` to the last byte."""
    path = folder / "filling"
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    if file.write(bytes(size)) == 0:
                        break
    return path
