"""`vsortd` and `python -m vsortd`: the one boundary that turns errors into a message and an exit code."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from vsortd.core.home import with_tilde
from vsortd.core.interrupted_waits import interrupting_waits
from vsortd.core.system.standard_streams import UnwritableOutputError, secure_standard_streams
from vsortd.core.text import printable
from vsortd.errors import ExitCode, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import click

# How long an ordinary thread may take to end before the process ends without it.
_JOIN_S: Final = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the console script exits with it."""
    import click

    from vsortd.cli.app import command, hoist_config
    from vsortd.core.output import be_quiet

    be_quiet(False)
    # Read when torch is imported, by whoever is first: the encoder, or what looks for speech. See `vision.factory`.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        argv = hoist_config(list(sys.argv[1:] if arguments is None else arguments))
        with interrupting_waits():
            result = command()(args=argv, standalone_mode=False, prog_name="vsortd")
        sys.stdout.flush()  # what it refuses is told of here, not at the interpreter's end
        code = int(result) if isinstance(result, int) else ExitCode.OK
    except UnwritableOutputError as error:  # a reader that has gone is not our error, and there is nobody to tell
        code = ExitCode.OK if error.reader_gone else _say(error)
    except VsortdError as error:
        code = _say(error)
    except click.exceptions.Exit as error:
        code = int(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        code = ExitCode.INTERRUPTED
    except FileNotFoundError:
        if _folder_is_there():
            raise
        code = _say(VsortdError("The folder that you are in is gone.", remedy="Go to another one: cd"))
    except click.ClickException as error:  # the command line parser's own
        _show(error)
        code = ExitCode.USAGE
    return int(code)


def _folder_is_there() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _say(error: VsortdError) -> int:
    """Print title, details and remedy on stderr, each on its line whatever names it holds; return the exit code."""
    lines = [f"vsortd: {error.title}", *error.details, *([f"  {error.remedy}"] if error.remedy else [])]
    sys.stderr.write("".join(f"{with_tilde(printable(line))}\n" for line in lines))
    return int(error.exit_code)


def _show(error: click.ClickException) -> None:
    """Print the parser's own error on stderr; what was typed stands in its texts."""
    for name, value in vars(error).items():
        if isinstance(value, str):
            setattr(error, name, printable(value))
    error.show()


def _tell_of_a_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of what nobody expected; what was raised may hold names, too."""
    import traceback

    lines = "".join(traceback.format_exception(kind, error, trace)).splitlines()
    sys.stderr.write("".join(f"{printable(line)}\n" for line in lines))


def script() -> None:
    """Entry point of the console script."""
    secure_standard_streams()
    sys.excepthook = _tell_of_a_defect
    if (shell := os.environ.get("_VSORTD_COMPLETE")) is not None:  # Tab was pressed
        from vsortd.cli.completion_answer import answer

        code = int(ExitCode.FAILURE)
        with contextlib.suppress(UnwritableOutputError):  # a shell that asks for words wants no sentence
            code = answer(shell)
            sys.stdout.flush()
        _leave(code)
    _leave(main())


def _leave(code: int) -> NoReturn:
    """End the process.

    A model that loads can't be interrupted, and its thread is not waited for. The interpreter's own end would tear such
    a thread down in the middle of a library's C++, which answers with an abort (exit code -6, seen at one stop of
    twelve during a load). So that end is left out then; what has asked to run at the end still does. So it is where no
    thread is left at all: to tear down what was imported takes a sixth of a light command's time.
    """
    with contextlib.suppress(
        UnwritableOutputError, ValueError
    ):  # an error was told of; the interpreter's end adds none
        sys.stdout.flush()
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    if others and not any(thread.daemon for thread in others):
        sys.exit(code)
    for thread in others:
        if not thread.daemon:
            thread.join(_JOIN_S)
    atexit._run_exitfuncs()  # noqa: SLF001 - the only way to what was registered
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, UnwritableOutputError):  # closed, or its reader has gone
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    script()
