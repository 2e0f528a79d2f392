"""macOS: agents, F_FULLFSYNC and the rename that never replaces, by fakes that keep to its contract."""

from __future__ import annotations

import ctypes
import errno
import os
import plistlib
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.errors import UsageError
from vsortd.service.install.launchd import Launchd
from vsortd.service.install.managers import manager_of
from vsortd.service.install.program import Command, CommandResult, Scope, ServiceError, Setup, Write, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

SETUP = Setup("/opt/v/bin/python", "/Users/me/a & b.yaml", "/Users/me/state", environment={"HF_HOME": "/w"})


class Launchctl:
    """launchctl: knows what was loaded."""

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        self.told: list[str] = []

    def __call__(self, argv: Sequence[str]) -> CommandResult:
        self.told.append(" ".join(argv))
        match list(argv):
            case ["launchctl", "bootstrap", "gui/501", path]:
                label = plistlib.loads(Path(path).read_bytes())["Label"]
                if label in self.loaded:
                    return CommandResult(5, err="Bootstrap failed: 5: Input/output error")
                self.loaded.add(label)
            case ["launchctl", "bootout", target]:
                label = target.rpartition("/")[2]
                if label not in self.loaded:
                    return CommandResult(3, err="Boot-out failed: 3: No such process")
                self.loaded.discard(label)
            case ["launchctl", "print", target] if target.count("/") > 1:
                if target.rpartition("/")[2] not in self.loaded:
                    return CommandResult(113, err="Could not find service")
                return CommandResult(0, "\tstate = running\n\tpid = 42\n")
        return CommandResult(0)


def test_the_agents_are_written_loaded_and_removed_again(tmp_path: Path) -> None:
    launchctl = Launchctl()
    manager = Launchd(tmp_path, 501, launchctl)
    setup = Setup(SETUP.python, SETUP.config, str(tmp_path / "state"))

    for _ in range(2):  # installing again loads anew what was loaded
        assert [] == carry_out(manager.install(setup), launchctl)
        assert {"org.vsortd.daemon", "org.vsortd.tray"} == launchctl.loaded

    form = manager.status()
    assert (True, True, "running", 42) == (form["installed"], form["active"], form["state"], form["pid"])
    assert str(tmp_path / "state") == manager.state_folder()
    assert [] == carry_out(manager.uninstall(), launchctl)
    assert set() == launchctl.loaded
    assert [] == list((tmp_path / "Library").iterdir())
    assert () == manager.uninstall().steps


def test_a_refused_config_does_not_loop(tmp_path: Path) -> None:
    plan = Launchd(tmp_path, 501, Launchctl()).install(SETUP)
    text = next(step.text for step in plan.steps if isinstance(step, Write))
    agent = plistlib.loads(text.encode())
    assert {"Crashed": True} == agent["KeepAlive"], "the supervisor itself ends with 0 after exit codes 2, 10 and 12"
    assert [
        *("/opt/v/bin/python", "-P", "-m", "vsortd.service.supervise", "--state", "/Users/me/state", "--"),
        *("--config", "/Users/me/a & b.yaml", "run", "--json-log"),
    ] == agent["ProgramArguments"]
    assert {"VSORTD_STATE_DIR": "/Users/me/state", "HF_HOME": "/w"} == agent["EnvironmentVariables"]


def test_without_a_screen_the_remedy_is_to_log_in(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="session"):
        Launchd(tmp_path, 501, lambda _: CommandResult(125, err="Domain does not support specified action")).require()


def test_there_is_no_system_service_there() -> None:
    with pytest.raises(UsageError, match="agent"):
        manager_of(Scope.SYSTEM, "darwin")
    assert "launchd" == manager_of(Scope.USER, "darwin").kind
    with pytest.raises(ServiceError, match="plan9"):
        manager_of(Scope.USER, "plan9")


def test_without_a_tray_there_is_one_agent(tmp_path: Path) -> None:
    setup = Setup(SETUP.python, SETUP.config, SETUP.state, tray=False)
    steps = Launchd(tmp_path, 501, Launchctl()).install(setup).steps
    assert 1 == sum(isinstance(step, Write) for step in steps)
    assert 2 == sum(isinstance(step, Command) for step in steps)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [(None, ["full"]), (errno.ENOTSUP, ["full", "plain"]), (errno.EINVAL, ["full", "plain"]), (errno.EIO, None)],
)
def test_a_sync_goes_to_the_medium(
    load_as: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, refusal: int | None, expected: list[str] | None
) -> None:
    did: list[str] = []

    def control(descriptor: int, command: int) -> int:
        assert (3, 51) == (descriptor, command)
        did.append("full")
        if refusal is not None:
            raise OSError(refusal, os.strerror(refusal))
        return 0

    lasting = load_as(
        "darwin", "vsortd/core/system/fsync.py", {"fcntl": types.SimpleNamespace(F_FULLFSYNC=51, fcntl=control)}
    )
    monkeypatch.setattr(lasting.os, "fsync", lambda _: did.append("plain"))
    if expected is None:
        with pytest.raises(OSError, match="Input/output"):
            lasting.sync(3)
    else:
        lasting.sync(3)
        assert expected == did


class Renamer:
    """renameatx_np with RENAME_EXCL, done with link and unlink."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error = 0
        self.refuse = 0

    def __call__(self, old_fd: int, old: bytes, new_fd: int, new: bytes, flags: int) -> int:
        self.calls.append((old_fd, new_fd, flags))
        self.error = self.refuse or (errno.EEXIST if os.path.lexists(new) else 0)
        if self.error:
            return -1
        os.link(old, new)
        Path(os.fsdecode(old)).unlink()
        return 0


def test_the_rename_is_exclusive(
    load_as: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    renamer = Renamer()
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: types.SimpleNamespace(renameatx_np=renamer))
    monkeypatch.setattr(ctypes, "get_errno", lambda: renamer.error)
    module = load_as("darwin", "vsortd/core/system/rename_noreplace.py")
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")

    module.rename_noreplace(str(one), str(two), None, None)
    assert "1" == two.read_text()
    assert [(-2, -2, 4)] == renamer.calls, "AT_FDCWD and RENAME_EXCL as macOS numbers them"

    one.write_text("new")
    with pytest.raises(FileExistsError):
        module.rename_noreplace(str(one), str(two), None, None)
    assert ("new", "1") == (one.read_text(), two.read_text())

    renamer.refuse = errno.ENOTSUP  # exFAT, some shares: by a link, which replaces nothing either
    module.rename_noreplace(str(one), str(tmp_path / "three"), None, None)
    assert "new" == (tmp_path / "three").read_text()
