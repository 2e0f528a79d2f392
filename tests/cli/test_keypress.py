"""Keys of a terminal: Ctrl-C is heard while one is waited for, wherever the system hands it over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")

# A process's signal may be given to any of its threads; only the read of that one ends with EINTR.
ELSEWHERE = """
import os, signal, sys, threading
from vsortd.cli.keypress import keys_of_terminal

os.environ["TERM"] = "xterm"
idle = threading.Thread(target=threading.Event().wait, daemon=True)
idle.start()
with keys_of_terminal() as keys:
    assert keys.single
    print(keys.read(), flush=True)
    threading.Timer(0.5, lambda: signal.pthread_kill(idle.ident, signal.SIGINT)).start()
    try:
        print(keys.read())
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def test_ctrl_c_that_another_thread_is_given_ends_the_wait_for_a_key() -> None:
    master, slave = os.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", ELSEWHERE], stdin=slave, stdout=subprocess.PIPE, env=environment)
    try:
        os.write(master, "ü".encode())
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
        os.close(master)
        os.close(slave)
    assert ["ü", "interrupted"] == out.decode().split()
