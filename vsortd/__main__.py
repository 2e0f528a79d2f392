"""`vsortd` and `python -m vsortd`: the one boundary that turns errors into a message and an exit code."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from vsortd.errors import ExitCode, VsortdError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the console script exits with it."""
    import typer

    from vsortd.cli.app import app, hoist_config

    try:
        argv = hoist_config(list(sys.argv[1:] if arguments is None else arguments))
        result = app(args=argv, standalone_mode=False, prog_name="vsortd")
    except VsortdError as error:
        _say(error)
        return int(error.exit_code)
    except typer.Exit as error:
        return int(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # the reader went away (`vsortd history | head`): not our error, and nothing more can be printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.OK)
    except Exception as error:
        if not hasattr(error, "show"):  # not one of the command line parser's own
            raise
        error.show()
        return int(ExitCode.USAGE)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _say(error: VsortdError) -> None:
    """Print title and remedy on stderr, plainly: paths and brackets in them are not markup."""
    lines = [f"vsortd: {error.title}", *([f"  {error.remedy}"] if error.remedy else [])]
    sys.stderr.write("\n".join(lines) + "\n")


def script() -> None:
    """Entry point of the console script."""
    sys.exit(main())


if __name__ == "__main__":
    script()
