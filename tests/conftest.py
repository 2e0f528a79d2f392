"""Fixtures for every test: nothing leaks, and nothing touches the machine's own vsortd."""

from __future__ import annotations

import gc
import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.costs import costs
from tests.support.few_cases import leave_few
from tests.support.paths import MEDIA
from tests.support.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - pytest finds them here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# As `vsortd` itself does; here torch is imported by many a test before any command is run. Else OpenMP's threads spin:
# an explanation in this process took 2.2 s of a processor's time instead of 0.26, and on a busy machine tests ran out
# of their time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("VSORTD_WEB", "off")  # tests run at once, and the page has one port

# Each of these has a test of a minute or more.
LONGEST = {"test_soak.py", "test_journal_trouble.py", "test_ray_cluster.py", "test_damaged_state.py"}


@pytest.hookimpl(tryfirst=True)  # before `-m` is asked which of them run
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests: at the end all other processes would wait for the one that has them."""
    leave_few(items)
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the tests of each room cost."""
    every = [one for reports in terminalreporter.stats.values() for one in reports]
    told = costs((one.nodeid, one.duration) for one in every if isinstance(one, pytest.TestReport))
    for line in told:
        terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let a process that has nothing left take tests from another one's end: some wait for daemons for long."""
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a state folder of its own, and no config from the machine."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("VSORTD_STATE_DIR", str(folder))
    monkeypatch.delenv("VSORTD_CONFIG", raising=False)
    monkeypatch.delenv("VSORTD_FAULT", raising=False)
    return folder


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Fail a test that leaves a thread of ours running."""
    before = set(threading.enumerate())
    yield
    wait_s, deadline = 0.01, time.monotonic() + 90  # a model that nobody waits for any more is loaded to its end first
    while ours := [thread.name for thread in threading.enumerate() if thread not in before and _is_ours(thread)]:
        assert time.monotonic() < deadline, f"threads left running: {ours}"
        gc.collect()  # an encoder's thread ends when nobody holds the encoder; an error's traceback may until now
        time.sleep(wait_s)
        wait_s = min(2 * wait_s, 1.0)  # each collection holds up a thread that is still loading


def _is_ours(thread: threading.Thread) -> bool:
    """Tell whether a thread is no library's: these keep pools of their own, named after themselves."""
    return thread.is_alive() and not thread.name.startswith(("AnyIO", "asyncio_", "tqdm"))


@pytest.fixture
def clips() -> Path:
    """Return the folder of real clips beside the checkout."""
    if not (MEDIA / "clips").is_dir():
        pytest.skip("no ../shared/media/clips beside this checkout")
    return MEDIA / "clips"


@pytest.fixture
def bad_clips() -> Path:
    """Return the folder of real broken clips beside the checkout."""
    if not (MEDIA / "bad").is_dir():
        pytest.skip("no ../shared/media/bad beside this checkout")
    return MEDIA / "bad"
