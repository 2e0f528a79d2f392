"""Where every test should run, a skip fails, unless its reason is a listed one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="so is CI")

CALLED = "import pytest\ndef test_it(): pytest.skip({reason!r})\n"
MARKED = "import pytest\n@pytest.mark.skipif(True, reason={reason!r})\ndef test_it(): pass\n"
SET_UP = "import pytest\n@pytest.fixture\ndef thing(): pytest.skip({reason!r})\ndef test_it(thing): pass\n"
WHOLE_MODULE = "import pytest\npytest.skip({reason!r}, allow_module_level=True)\n"
EXPECTED_TO_FAIL = "import pytest\n@pytest.mark.xfail(reason={reason!r})\ndef test_it(): assert False\n"


def _run(folder: Path, code: str, reason: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one test under this suite's own conftest."""
    (folder / "test_one.py").write_text(code.format(reason=reason))
    kept = {name: value for name, value in os.environ.items() if name not in {"VSORTD_FAIL_SKIPS", "VSORTD_ABSENT"}}
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", folder, "-ra"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, folder],
        cwd=REPOSITORY,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.few(1)
@pytest.mark.parametrize("code", [CALLED, MARKED, SET_UP, WHOLE_MODULE])
def test_a_skip_fails_and_says_why(tmp_path: Path, code: str) -> None:
    done = _run(tmp_path, code, "no zsh here: apt install zsh", VSORTD_FAIL_SKIPS="1")
    assert 0 != done.returncode
    assert "skipped where it should run, see tests/support/skips.py: no zsh here: apt install zsh" in done.stdout
    assert "1 error" in done.stdout or "1 failed" in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("code", [CALLED, MARKED, SET_UP, WHOLE_MODULE])
def test_a_listed_reason_is_a_skip(tmp_path: Path, code: str) -> None:
    done = _run(tmp_path, code, "can't mount here: permission denied", VSORTD_FAIL_SKIPS="1")
    assert "1 skipped" in done.stdout
    assert "failed" not in done.stdout


@pytest.mark.long
@pytest.mark.parametrize("reason", ["no zsh here: apt install zsh", "no /usr/bin/zsh here"])
def test_what_could_not_be_installed_is_no_failure(tmp_path: Path, reason: str) -> None:
    done = _run(tmp_path, CALLED, reason, VSORTD_FAIL_SKIPS="1", VSORTD_ABSENT="Xvfb zsh")
    assert "1 skipped" in done.stdout
    done = _run(tmp_path, CALLED, reason, VSORTD_FAIL_SKIPS="1", VSORTD_ABSENT="Xvfb")
    assert "1 failed" in done.stdout


@pytest.mark.long
def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    done = _run(tmp_path, EXPECTED_TO_FAIL, "not yet", VSORTD_FAIL_SKIPS="1")
    assert (0, True) == (done.returncode, "1 xfailed" in done.stdout)


@pytest.mark.long
def test_elsewhere_a_skip_is_one(tmp_path: Path) -> None:
    done = _run(tmp_path, CALLED, "no zsh here: apt install zsh")
    assert "1 skipped" in done.stdout
    assert "failed" not in done.stdout
