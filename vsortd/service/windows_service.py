"""The Windows service: a thin host that supervises `python -m vsortd run` (pywin32's service framework).

The service manager starts `python -m vsortd.service.windows_service --state DIR -- run --json-log`. Everything that
files videos is in the other process, so nothing here can hurt a video, and the daemon is the same one as everywhere.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import servicemanager
import win32service
import win32serviceutil

from vsortd.errors import ExitCode
from vsortd.service.supervise import ASK_S, STOP_S, Supervisor, Vsortd, split_arguments

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the service manager is told to wait for, milliseconds.
_STOP_HINT_MS = int((ASK_S + STOP_S) * 1000) + 5_000
_PAUSE_HINT_MS = 15_000


class VsortdService(win32serviceutil.ServiceFramework):
    """Start, stop, pause and continue, as the service manager asks for them."""

    _svc_name_ = "vsortd"
    _svc_display_name_ = "vsortd"
    state = ""
    command: tuple[str, ...] = ()

    def __init__(self, args: Sequence[str]) -> None:
        super().__init__(args)
        self._vsortd = Vsortd(self.state, self.command)
        self._supervisor = Supervisor(
            self._vsortd.start, ask_to_stop=self._vsortd.ask_to_stop, say=servicemanager.LogErrorMsg
        )

    def SvcDoRun(self) -> None:  # noqa: N802 - pywin32's name
        """Run until the end; the framework has said RUNNING before."""
        servicemanager.LogInfoMsg(f"vsortd starts; its state folder is {self.state}")
        self._supervisor.run()
        servicemanager.LogInfoMsg("vsortd has ended")

    def SvcStop(self) -> None:  # noqa: N802
        """End the daemon within its time."""
        self.ReportServiceStatus(win32service.SERVICE_STOP_PENDING, waitHint=_STOP_HINT_MS)
        self._supervisor.stop()

    SvcShutdown = SvcStop

    def SvcPause(self) -> None:  # noqa: N802
        """Begin no more videos."""
        self.ReportServiceStatus(win32service.SERVICE_PAUSE_PENDING, waitHint=_PAUSE_HINT_MS)
        done = self._tell("pause")
        self.ReportServiceStatus(win32service.SERVICE_PAUSED if done else win32service.SERVICE_RUNNING)

    def SvcContinue(self) -> None:  # noqa: N802
        """Go on."""
        self.ReportServiceStatus(win32service.SERVICE_CONTINUE_PENDING, waitHint=_PAUSE_HINT_MS)
        done = self._tell("resume")
        self.ReportServiceStatus(win32service.SERVICE_RUNNING if done else win32service.SERVICE_PAUSED)

    def _tell(self, command: str) -> bool:
        code = self._vsortd.ask(command)
        if code != ExitCode.OK:
            servicemanager.LogErrorMsg(f"`vsortd {command}` failed (exit code {code})")
        return code == ExitCode.OK


def main(arguments: Sequence[str]) -> None:
    """Hand over to the service manager; returns when the service has ended."""
    VsortdService.state, VsortdService.command = split_arguments(arguments)
    servicemanager.Initialize(VsortdService._svc_name_, None)
    servicemanager.PrepareToHostSingle(VsortdService)
    servicemanager.StartServiceCtrlDispatcher()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main(sys.argv[1:])
