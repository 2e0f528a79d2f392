"""A Ray of this machine's own, in a process that does nothing else: starting one forks, which threads of ours can hang.

Run as a program it starts Ray, prints one line of JSON (address, or what went wrong) and ends Ray when its input ends,
which it does also when the driver is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.system.child_environment import package_path
from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a process needs in its environment before it imports Ray.
QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",  # else a call that comes after the end starts another Ray
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # the C++ part writes straight onto standard error
}
_STORE_BYTES: Final = 128 << 20  # of the object store: a piece of work is some 32 KB, and none stays there
_END_S: Final = 20.0


@contextlib.contextmanager
def local_ray(cpus: int) -> Iterator[str]:
    """Start a Ray that offers `cpus`, yield its address, end it. Raises VsortdError where it does not start."""
    if "RAY_AUTH_TOKEN" not in os.environ:  # nobody else is let in; without it Ray leaves one in the home folder
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "vsortd.library.indexing.ray_local", str(cpus)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **QUIET, "PYTHONPATH": package_path()},
        start_new_session=True,  # Ctrl-C is the driver's; it ends this in its own time
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield _address(process.stdout.readline())
    finally:
        process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()  # what it started ends with it
            process.wait()
        process.stdout.close()


def _address(line: bytes) -> str:
    answer: dict[str, str] = json.loads(line) if line.strip() else {"error": "its process ended"}
    if "error" in answer:
        raise VsortdError(
            f"Ray does not start here: {answer['error']}",
            remedy="Try `ray start --head`, which tells more; then `--address auto`.",
        )
    return answer["address"]


@contextlib.contextmanager
def _short_folder() -> Iterator[str]:
    """Make a folder for Ray's sockets, whose paths may have about 100 letters, and logs; remove it afterwards."""
    place = "/tmp" if os.name == "posix" else None  # noqa: S108 - mkdtemp makes it ours alone
    with tempfile.TemporaryDirectory(prefix="vsortd-ray-", dir=place, ignore_cleanup_errors=True) as folder:
        yield folder


def _serve(cpus: int) -> None:
    answer, sys.stdout = sys.stdout, sys.stderr  # Ray prints

    def say(**words: str) -> None:
        answer.write(json.dumps(words) + "\n")
        answer.flush()

    with _short_folder() as folder:  # here, because the driver may be killed
        try:
            import ray

            options: dict[str, Any] = {"_temp_dir": folder}
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                log_to_driver=False,
                object_store_memory=_STORE_BYTES,
                **options,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the driver tells it
            say(error=" ".join(str(error).split()) or type(error).__name__)
            return
        say(address=ray.get_runtime_context().gcs_address)
        sys.stdin.read()
        ray.shutdown()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
