"""Nobody has the file open for writing: real leases, real other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vsortd.watch.open_writers import Writer, writer_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")

HOLD = "import sys; f = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"
# The moment between taking the lease and giving it back is made long enough for another process to break it.
BROKEN_LEASE = """
import fcntl, subprocess, sys
from pathlib import Path
from vsortd.watch.open_writers import writer_of
real = fcntl.fcntl
code = "import os, sys; os.open(sys.argv[1], os.O_WRONLY | os.O_NONBLOCK)"
def slow(descriptor, command, argument):
    answer = real(descriptor, command, argument)
    if command == fcntl.F_SETLEASE and argument == fcntl.F_RDLCK:
        done = subprocess.run([sys.executable, "-c", code, sys.argv[1]], capture_output=True, text=True)
        assert "BlockingIOError" in done.stderr, done.stderr
    return answer
fcntl.fcntl = slow
print(writer_of(Path(sys.argv[1])).value)
"""


class Holder:
    """Another process that holds a file open until it is released."""

    def __init__(self, path: Path, mode: str) -> None:
        command = [sys.executable, "-c", HOLD, str(path), mode]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert b"open\n" == self.process.stdout.readline()

    def release(self) -> None:
        """Let the other process close the file and end."""
        self.process.communicate(timeout=20)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * 100)
    return path


def test_a_file_that_nobody_has_open_has_no_writer(file: Path) -> None:
    assert Writer.NONE is writer_of(file)


def test_an_idle_writer_in_another_process_is_seen_until_it_closes(file: Path) -> None:
    holder = Holder(file, "r+b")
    try:
        assert Writer.WRITING is writer_of(file)
    finally:
        holder.release()
    assert Writer.NONE is writer_of(file)


def test_a_reader_is_no_writer(file: Path) -> None:
    holder = Holder(file, "rb")
    try:
        assert Writer.NONE is writer_of(file)
    finally:
        holder.release()


def test_a_writer_through_another_name_of_the_file_is_seen(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    os.link(file, other)
    holder = Holder(other, "ab")
    try:
        assert Writer.WRITING is writer_of(file)
    finally:
        holder.release()


def test_a_writer_in_this_process_is_seen(file: Path) -> None:
    with file.open("r+b"):
        assert Writer.WRITING is writer_of(file)
    assert Writer.NONE is writer_of(file)


def test_a_lease_broken_by_another_process_does_not_kill(file: Path) -> None:
    """The kernel signals whoever holds a lease that is being broken; the default signal would end the process."""
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_LEASE, str(file)], capture_output=True, text=True, check=False, timeout=50
    )
    assert (0, "none\n") == (done.returncode, done.stdout), done.stderr


@pytest.mark.parametrize("kind", ["missing", "link", "folder", "pipe"])
def test_what_is_no_plain_file_is_unknown_and_never_blocks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing.mp4"
    if kind == "link":
        (tmp_path / "target").write_bytes(b"x")
        path.symlink_to(tmp_path / "target")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    assert Writer.UNKNOWN is writer_of(path)


def test_a_file_of_another_owner_is_unknown(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another owner")
    file.chmod(0o644)
    os.chown(file, 1, 1)
    folder = file.parent
    # ask as a third user, who can read but neither owns the file nor may lease it
    code = (
        "import os, sys; from vsortd.watch.open_writers import writer_on; d = os.open(sys.argv[1], os.O_RDONLY);"
        "os.setgid(2); os.setuid(2); print(writer_on(d).value)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False, cwd=folder
    )
    assert "unknown\n" == done.stdout, done.stderr
