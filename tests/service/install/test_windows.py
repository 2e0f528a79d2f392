"""Windows: tasks, service, mutex, held files, long and reserved names, by fakes that keep to Windows' contract."""

from __future__ import annotations

import ctypes
import errno
import os
import types
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.core.system.windows_files import HELD, LONG_CHARS, RETRY_AFTER_S, extended, patiently
from vsortd.errors import ExitCode, UsageError
from vsortd.filing.file_names import component
from vsortd.service import windows_mutex
from vsortd.service.install.program import Command, CommandResult, Remove, Setup, Write
from vsortd.service.install.windows import OWN_ACCOUNT, LogonTask, MachineFacts, WindowsService, task_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

SETUP = Setup(
    r"C:\Program Files\Python\python.exe",
    r"C:\Users\me\my videos\vsortd.yaml",
    r"C:\Users\me\AppData\Local\vsortd",
    (r"D:\Inbox", r"D:\Sorted & done"),
)
_TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


class Windows:
    """schtasks, sc and reg: keeps what was made, and answers as they do."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.made: set[str] = set()

    def __call__(self, argv: Sequence[str]) -> CommandResult:
        self.told.append(tuple(argv))
        match list(argv):
            case ["schtasks.exe", "/Query", "/TN", name, *_] if name != "\\":
                return CommandResult(0 if name in self.made else 1)
            case ["schtasks.exe", "/Create", "/TN", name, *_] | ["sc.exe", "create", name, *_]:
                self.made.add(name)
            case ["schtasks.exe", "/Delete", "/TN", name, *_] | ["sc.exe", "delete", name]:
                self.made.discard(name)
            case ["sc.exe", "query", "vsortd"]:
                there = "vsortd" in self.made
                return CommandResult(
                    0 if there else 1060, "        ZUSTAND             : 4  RUNNING\n" if there else ""
                )
        return CommandResult(0)


class Letters:
    """Drive letters: Z: is a share, Y: one whose name is not known."""

    def unc_of(self, drive: str) -> str | None:
        return {"Z:": r"\\nas\videos", "Y:": ""}.get(drive)


def do(steps: Sequence[object], run: Windows) -> None:
    """Carry steps out as install does, without files."""
    for step in steps:
        if isinstance(step, Command):
            run(step.argv)


def test_the_logon_task_runs_as_the_user_without_window_limit_or_battery_rule() -> None:
    root = ET.fromstring(task_xml(SETUP, SETUP.words, r"PC\me", "About & more").split("\n", 1)[1])  # noqa: S314
    assert r"PC\me" == root.findtext(f"{_TASK}Triggers/{_TASK}LogonTrigger/{_TASK}UserId")
    assert "LeastPrivilege" == root.findtext(f".//{_TASK}RunLevel")
    assert ["IgnoreNew", "false", "false", "PT0S"] == [
        root.findtext(f".//{_TASK}{name}")
        for name in (
            "MultipleInstancesPolicy",
            "DisallowStartIfOnBatteries",
            "StopIfGoingOnBatteries",
            "ExecutionTimeLimit",
        )
    ]
    assert r"C:\Program Files\Python\pythonw.exe" == root.findtext(f".//{_TASK}Command")
    arguments = root.findtext(f".//{_TASK}Arguments") or ""
    assert arguments.startswith("-P -m vsortd.service.supervise --state ")
    assert r'-- --config "C:\Users\me\my videos\vsortd.yaml" run --json-log' in arguments


def test_the_task_is_made_started_and_removed(tmp_path: Path) -> None:
    windows = Windows()
    task = LogonTask(MachineFacts(r"PC\me", tmp_path), windows)
    plan = task.install(SETUP)
    for step in plan.steps:
        if isinstance(step, Write):
            assert "utf-16" == step.encoding
            step.path.write_bytes(step.text.encode(step.encoding))
    do(plan.steps, windows)
    assert {"vsortd", "vsortd-tray"} == windows.made
    assert ("schtasks.exe", "/Run", "/TN", "vsortd") == windows.told[-1]
    assert task.status()["installed"]

    windows.told.clear()
    steps = task.uninstall().steps
    do(steps, windows)

    asked = [argv for argv in windows.told if argv[-2:] == ("vsortd", "stop") or "/End" in argv]
    assert ("vsortd", "stop") == asked[0][-2:], "the daemon ends by itself before its task is ended"
    assert set() == windows.made
    gone = {step.path.name for step in steps if isinstance(step, Remove)}
    assert {"vsortd.task.xml", "vsortd-tray.task.xml", "service.log", "service.log.1"} == gone


def test_the_service_gets_an_account_without_password_an_event_source_and_a_recovery() -> None:
    windows = Windows()
    service = WindowsService(MachineFacts("me", Path(), event_messages=r"C:\servicemanager.pyd"), windows, Letters())
    do(service.install(SETUP).steps, windows)

    create = next(argv for argv in windows.told if argv[1] == "create")
    assert OWN_ACCOUNT == create[create.index("obj=") + 1]
    path = create[create.index("binPath=") + 1]
    assert path.startswith(
        '"C:\\Program Files\\Python\\python.exe" -P -m vsortd.service.windows_service --state C:\\ProgramData'
    )
    assert any(argv[:2] == ("reg.exe", "add") and r"C:\servicemanager.pyd" in argv for argv in windows.told)
    assert any(argv[:2] == ("sc.exe", "failure") for argv in windows.told)
    assert ("sc.exe", "start", "vsortd") == windows.told[-1]
    assert ("running", True) == (service.status()["state"], service.status()["active"])

    windows.told.clear()
    do(service.install(SETUP).steps, windows)
    assert "config" in {argv[1] for argv in windows.told}, "a service that is there is changed, not made again"

    do(service.uninstall().steps, windows)
    assert set() == windows.made
    assert any(argv[:2] == ("reg.exe", "delete") for argv in windows.told)
    assert () == service.uninstall().steps


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [(r"Z:\in\new", r"\\nas\videos\in\new"), (r"Y:\in", r"\\server\share"), (r"Z:\in", r"\\nas\videos\in")],
)
def test_the_service_refuses_mapped_drives_and_names_the_share(folder: str, remedy: str) -> None:
    service = WindowsService(MachineFacts("me", Path(), event_messages="x"), Windows(), Letters())
    setup = Setup(SETUP.python, SETUP.config, "", (r"D:\ok", folder))
    with pytest.raises(UsageError) as caught:
        service.install(setup)
    assert folder in caught.value.title
    assert remedy in caught.value.remedy


def test_the_logon_task_takes_mapped_drives(tmp_path: Path) -> None:
    assert (
        LogonTask(MachineFacts("me", tmp_path), Windows()).install(Setup(SETUP.python, "Z:\\c", "s", ("Z:\\in",))).steps
    )


# The service's host, on pywin32's framework.


class Framework:
    """win32serviceutil.ServiceFramework: remembers what was reported."""

    def __init__(self, args: Sequence[str]) -> None:
        self.args = args
        self.reported: list[tuple[int, int]] = []

    def ReportServiceStatus(self, status: int, waitHint: int = 5000) -> None:  # noqa: N802, N803 - pywin32's names
        self.reported.append((status, waitHint))


@pytest.fixture
def host(load_as: Callable[..., ModuleType]) -> ModuleType:
    """Return the host with pywin32 faked: the numbers are Windows'."""
    logged: list[str] = []
    manager = types.SimpleNamespace(LogInfoMsg=logged.append, LogErrorMsg=logged.append, logged=logged)
    manager.Initialize = lambda name, file: logged.append(f"source {name} {file}")
    manager.PrepareToHostSingle = lambda cls: logged.append(f"host {cls._svc_name_} {cls.state} {cls.command}")
    manager.StartServiceCtrlDispatcher = lambda: logged.append("dispatch")
    states = types.SimpleNamespace(
        SERVICE_STOP_PENDING=3,
        SERVICE_RUNNING=4,
        SERVICE_CONTINUE_PENDING=5,
        SERVICE_PAUSE_PENDING=6,
        SERVICE_PAUSED=7,
    )
    return load_as(
        "win32",
        "vsortd/service/windows_service.py",
        {
            "servicemanager": manager,
            "win32service": states,
            "win32serviceutil": types.SimpleNamespace(ServiceFramework=Framework),
        },
    )


def test_the_host_maps_stop_pause_and_continue(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host.VsortdService, "state", str(tmp_path))
    service = host.VsortdService(["vsortd"])
    asked: list[str] = []
    codes = {"pause": ExitCode.OK, "resume": ExitCode.OK}
    monkeypatch.setattr(service._vsortd, "ask", lambda *argv: (asked.append(argv[0]), codes[argv[0]])[1])
    stopped: list[bool] = []
    monkeypatch.setattr(service._supervisor, "stop", lambda: stopped.append(True))
    monkeypatch.setattr(service._supervisor, "run", lambda: 0)

    service.SvcDoRun()
    service.SvcPause()
    service.SvcContinue()
    assert ["pause", "resume"] == asked
    assert [6, 7, 5, 4] == [status for status, _ in service.reported]

    codes["pause"] = ExitCode.FAILURE
    service.SvcPause()
    assert [6, 4] == [status for status, _ in service.reported][-2:], "a pause that failed is none"
    assert "`vsortd pause` failed" in host.servicemanager.logged[-1]

    service.SvcShutdown()
    assert [True] == stopped
    assert 3 == service.reported[-1][0]
    assert service.reported[-1][1] >= 25_000, "Windows waits as long as stopping may take"


def test_the_host_hands_its_arguments_to_the_service(host: ModuleType) -> None:
    host.main(["--state", r"C:\s", "--", "--config", r"C:\c.yaml", "run"])
    said = host.servicemanager.logged
    assert ["source vsortd None", r"host vsortd C:\s ('--config', 'C:\\c.yaml', 'run')", "dispatch"] == said


# One daemon: a named mutex.


class Kernel:
    """Named mutexes as kernel32 has them: one lives while any handle to it is open."""

    def __init__(self) -> None:
        self.open_handles: dict[int, str] = {}
        self.foreign: set[str] = set()

    def create(self, name: str) -> tuple[int, int]:
        if name in self.foreign:
            return 0, 5
        there = name in self.open_handles.values()
        handle = len(self.open_handles) + 100 + (max(self.open_handles, default=0))
        self.open_handles[handle] = name
        return handle, 183 if there else 0

    def open(self, access: int, name: str) -> tuple[int, int]:
        assert access
        if name in self.foreign:
            return 0, 5
        if name not in self.open_handles.values():
            return 0, 2
        handle = 1 + max(self.open_handles)
        self.open_handles[handle] = name
        return handle, 0

    def close(self, handle: int) -> None:
        del self.open_handles[handle]


def test_only_one_process_has_the_mutex_and_asking_leaves_no_trace(tmp_path: Path) -> None:
    kernel, name = Kernel(), windows_mutex.name_for(tmp_path / "daemon.lock")
    assert name.startswith("Global\\")
    assert name != windows_mutex.name_for(tmp_path / "tray.lock")
    assert not windows_mutex.exists(name, kernel)
    held = windows_mutex.take(name, kernel)
    assert held is not None
    assert windows_mutex.take(name, kernel) is None
    assert windows_mutex.exists(name, kernel)
    assert [held] == list(kernel.open_handles), "whoever asked let go, or the name would outlive its owner"
    kernel.close(held)
    assert not windows_mutex.exists(name, kernel)
    assert windows_mutex.take(name, kernel) is not None


def test_another_accounts_mutex_counts(tmp_path: Path) -> None:
    kernel, name = Kernel(), windows_mutex.name_for(tmp_path)
    kernel.foreign.add(name)
    assert windows_mutex.exists(name, kernel)
    assert windows_mutex.take(name, kernel) is None


def test_a_mutex_that_can_not_be_made_is_an_error_and_not_a_second_daemon(tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.create = lambda _: (0, 8)  # type: ignore[method-assign]
    with pytest.raises(OSError, match="CreateMutexW"):
        windows_mutex.take(windows_mutex.name_for(tmp_path), kernel)


# Files.


def winerror(number: int) -> OSError:
    """Return what Windows' Python raises."""
    error = PermissionError(errno.EACCES, "held")
    error.winerror = number  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("number", sorted(HELD))
def test_a_held_file_is_tried_again_and_then_told(number: int) -> None:
    slept: list[float] = []
    answers: list[Any] = [winerror(number), winerror(number), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    assert "done" == patiently(call, sleep=slept.append)
    assert list(RETRY_AFTER_S[:2]) == slept

    answers[:] = [winerror(number)] * (len(RETRY_AFTER_S) + 1)
    with pytest.raises(PermissionError):
        patiently(call, sleep=slept.append)
    assert [] == answers


@pytest.mark.parametrize("error", [winerror(17), FileExistsError(errno.EEXIST, "there"), OSError(errno.EXDEV, "far")])
def test_any_other_refusal_is_told_at_once(error: OSError) -> None:
    calls: list[bool] = []

    def call() -> None:
        calls.append(True)
        raise error

    with pytest.raises(OSError, match=r"held|there|far"):
        patiently(call, sleep=lambda _: pytest.fail("it slept"))
    assert 1 == len(calls)


def test_long_names_get_the_prefix_and_short_ones_stay() -> None:
    deep = "\\".join(["forest"] * 45)
    assert "C:\\" + "a" * 10 == extended("C:\\" + "a" * 10)
    assert f"\\\\?\\C:\\{deep}" == extended(f"C:\\{deep}")
    assert f"\\\\?\\C:\\{deep}" == extended(f"C:/x/../{deep}".replace("\\", "/"))
    assert f"\\\\?\\UNC\\nas\\videos\\{deep}" == extended(f"\\\\nas\\videos\\{deep}")
    assert f"\\\\?\\C:\\{deep}" == extended(extended(f"C:\\{deep}"))
    assert deep == extended(deep), "a relative name means nothing after the prefix"
    assert len(deep) > LONG_CHARS


@pytest.mark.parametrize("name", ["CON", "nul.tar", "com1", "LPT9.x", "aux", "conin$"])
def test_reserved_names_are_none_of_ours(name: str) -> None:
    assert f"_{name}" == component(name)


def test_windows_forbidden_characters_are_replaced_there(load_as: Callable[..., ModuleType]) -> None:
    names = load_as("win32", "vsortd/filing/file_names.py")
    assert "a_b_c_d_e" == names.component('a<b:c"d?e')
    assert "a_b" == names.component("a\\b. ")


def test_the_rename_never_replaces_and_waits_for_who_holds_the_file(
    load_as: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = load_as("win32", "vsortd/core/system/rename_noreplace.py")
    calls: list[tuple[str, str]] = []

    def move(old: str, new: str, **more: object) -> None:
        """MoveFileExW without flags: refuses a name that is taken."""
        assert {"src_dir_fd": None, "dst_dir_fd": None} == more
        calls.append((old, new))
        if len(calls) == 1:
            raise winerror(32)
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, "there", old, 183, new)
        os.link(old, new)
        Path(old).unlink()

    monkeypatch.setattr(module.os, "rename", move)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    module.rename_noreplace(str(one), str(two), None, None)
    assert (2, "1") == (len(calls), two.read_text())
    one.write_text("new")
    with pytest.raises(FileExistsError):
        module.rename_noreplace(str(one), str(two), None, None)
    assert ("new", "1") == (one.read_text(), two.read_text())


@pytest.mark.parametrize(
    ("handle", "error", "expected"),
    [(77, 0, "NONE"), (2**64 - 1, 32, "WRITING"), (2**64 - 1, 5, "UNKNOWN")],
)
def test_readiness_asks_to_share_with_readers_only(
    load_as: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch, handle: int, error: int, expected: str
) -> None:
    asked: list[tuple[int, int]] = []
    closed: list[int] = []

    class Call:
        def __call__(self, _file: object, access: int, share: int, _flags: int) -> int:
            asked.append((access, share))
            return handle

    dll = types.SimpleNamespace(ReOpenFile=Call(), CloseHandle=lambda one: closed.append(one.value))
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: dll, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: error, raising=False)
    runtime = types.SimpleNamespace(get_osfhandle=lambda _: 5)
    writers = load_as("win32", "vsortd/watch/open_writers.py", {"msvcrt": runtime})

    assert expected == writers.writer_on(3).name
    assert [(0x80000000, 1)] == asked, "GENERIC_READ, FILE_SHARE_READ: an open writer is a sharing violation"
    assert ([77] if expected == "NONE" else []) == closed
