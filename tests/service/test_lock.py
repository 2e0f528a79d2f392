"""The daemon's lock, between real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vsortd.errors import AlreadyRunningError
from vsortd.service.lock import DaemonLock, daemon_holds

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_daemon_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with DaemonLock(tmp_path), pytest.raises(AlreadyRunningError, match=str(os.getpid())):
        DaemonLock(tmp_path).__enter__()


def test_a_killed_daemon_gives_its_lock_back(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from vsortd.service.lock import DaemonLock\n"
        "with DaemonLock(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert b"held\n" == process.stdout.readline()
    assert daemon_holds(tmp_path)
    process.kill()
    process.wait()
    process.stdout.close()
    assert not daemon_holds(tmp_path)
    with DaemonLock(tmp_path):
        pass
