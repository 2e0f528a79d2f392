"""`vsortd cluster --copy`: the command itself; tests/library/clusters/test_copy.py has what may go wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli import test_cluster
from tests.cli.test_cluster import EACH, group_of, without_state
from vsortd.core.system.fault_points import VARIABLE
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.test_cluster import Command
    from tests.support import harness

pytestmark = pytest.mark.timeout(180)
home, vsortd, old = test_cluster.home, test_cluster.vsortd, test_cluster.old


@pytest.mark.long
@pytest.mark.slow
def test_copies_are_made_counted_and_told_of_and_the_videos_stay(
    vsortd: Command, home: harness.Home, old: Path
) -> None:
    before = without_state(home)
    number = group_of(vsortd, old, "road")
    wanted = ["--only", str(number), "--rename", f"{number}=way"]
    said = vsortd("cluster", old, "--copy", "--dry-run", *wanted)
    assert f"{EACH} videos would be copied into" in said
    assert before == without_state(home)

    applied = vsortd.json("cluster", old, "--copy", "--yes", *wanted)["applied"]
    assert ({"copied": EACH, "there": 0, "refused": 0}, None) == (applied["counts"], applied["batch"])
    assert {"copied"} == {item["state"] for item in applied["items"]}
    after = without_state(home)
    assert before == {name: facts for name, facts in after.items() if name in before}
    assert EACH == len(after) - len(before)
    assert [] == vsortd.json("history")["items"]

    said = vsortd("cluster", old, "--copy", "--yes", *wanted)
    assert f"{EACH} videos copied into" in said
    assert "undo" not in said
    assert 2 * EACH == len(without_state(home)) - len(before)
    assert "copied" not in vsortd("cluster", old, "--copy", "--yes", *wanted, "-q")


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_copy_leaves_nothing_half_and_what_it_left_is_cleared(
    vsortd: Command, home: harness.Home, old: Path
) -> None:
    before = without_state(home)
    number = group_of(vsortd, old, "fireworks")
    words = ["cluster", str(old), "--copy", "--yes", "--only", str(number)]
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", *words],
        env={**home.environment, VARIABLE: "copy.written:kill@2"},
        capture_output=True,
        check=False,
    )
    assert done.returncode < 0
    new = without_state(home).keys() - before.keys()
    assert 1 == len(new)
    (whole,) = new
    assert os.path.basename(whole) in {os.path.basename(name) for name in before}  # noqa: PTH119 - names, not paths
    assert [] != list((home.library / ".vsortd" / "staging").rglob("*.mp4"))
    vsortd("run", "--once")
    assert [] == list((home.library / ".vsortd" / "staging").rglob("*.mp4"))
    assert before.items() <= without_state(home).items()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--copy --apply", "Take one of them"),
        ("--copy --preview", "--copy --dry-run"),
        ("--copy", "--yes"),
        ("--copy --csv --yes", "--json"),
        ("--yes", "--apply or --copy"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: str, told: str, vsortd: Command, old: Path) -> None:
    vsortd("cluster", old, *words.split(), code=ExitCode.USAGE)
    assert told in vsortd.err
