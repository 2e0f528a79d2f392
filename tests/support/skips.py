"""In CI a test is not skipped unobserved: a skip fails, except for a reason that nothing in CI can do away with.

`.ci/run` sets VSORTD_FAIL_SKIPS, and names in VSORTD_ABSENT the programs that it could not install.
"""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator


class Excuse(NamedTuple):
    """How the reasons of some skips begin, and why these tests can't run in CI."""

    begins: str  # a regular expression
    why: str


EXCUSES = (
    Excuse(r"no \.\./shared/media/", "a checkout alone has no clips beside it: they are large, and other projects'"),
    Excuse(r"this kernel offers no Landlock", "a container's kernel may be old, or the container forbids it"),
    Excuse(r"can't mount ", "a container may not mount"),
    Excuse(r"can't bind-mount ", "a container may not mount"),
    Excuse(r"no second filesystem: ", "a container may not mount, and its /dev/shm may be the disk of /tmp"),
    Excuse(r"no namespaces here: ", "a container may not make namespaces of its own"),
    Excuse(r"strace can't trace here: ", "a container may not trace"),
    Excuse(r"root ignores modes, and setpriv can't take that away here", "a container may have too few capabilities"),
    Excuse(r"no inotify queue of a known small size", "the machine's kernel says how long it is"),
    Excuse(r"needs root, and a Python that other users may run", "where root's own folder holds the Python"),
    Excuse(r"Debian's PyGObject is for another Python", "it comes built for one version of Python"),
    Excuse(r"root writes into any folder", "CI runs as root, whom no mode stops; the test before it has SQLite refuse"),
    Excuse(r"only root is warned", "CI may run as another user"),
    Excuse(r"no pwsh here: ", "PowerShell is no package of Debian's"),
    Excuse(r"auto means another model with a GPU", "a machine with CUDA; the choice is tested without one"),
    Excuse(r"this machine runs systemd", "a virtual machine does, a container doesn't"),
    Excuse(r"starts a real systemd; ", "it takes cgroups of the machine's: whoever owns the machine asks for it"),
    Excuse(r"some minutes, set VSORTD_BENCHMARKS", "`.ci/task bench` and `long` run it: it wants a machine to itself"),
)


def excused(reason: str) -> bool:
    """Tell whether a test may be skipped in CI for this reason."""
    if "VSORTD_FAIL_SKIPS" not in os.environ or sys.platform != "linux":  # much is Linux's, and so is CI
        return True
    absent = os.environ.get("VSORTD_ABSENT", "").split()
    begins = [excuse.begins for excuse in EXCUSES] + [rf"no (/\S*/)?{re.escape(name)} here" for name in absent]
    return any(re.match(one, reason) for one in begins)


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    path, line, said = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, str(report.longrepr))
    reason = said.removeprefix("Skipped: ")
    if not excused(reason):
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: skipped where it should run, see tests/support/skips.py: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Judge the skip of a test."""
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Judge the skip of a whole module."""
    report = yield
    _judge(report)
    return report
