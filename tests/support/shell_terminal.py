"""A shell in a terminal, with vsortd's Tab completion, as somebody has it who types."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from pathlib import Path

# The shells make READY of it, so that typing it shows something else than the prompt.
_PROMPT = r"$'\x52EADY '"
_COMMANDS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
_BEGINNINGS = {
    "bash": f"PS1={_PROMPT}; set +o history",
    "zsh": f"PS1={_PROMPT}; autoload -Uz compinit; compinit -u -D",
    "fish": r"function fish_prompt; printf '\x52EADY '; end",
}


def environment_with(folder: Path, config: str) -> dict[str, str]:
    """Return the environment of a person with a config and `vsortd` on the PATH; folders are made.

    Where VSORTD_RECORD names a file the command is not run: its arguments are written there, each with a NUL behind it.
    """
    path = folder / "vsortd.yaml"
    path.write_text(config, encoding="utf-8")
    tools = folder / "bin"
    tools.mkdir()
    command = tools / "vsortd"
    command.write_text(
        "#!/bin/sh\n"
        f'if [ -n "$_VSORTD_COMPLETE" ] || [ -z "$VSORTD_RECORD" ]; then exec "{sys.executable}" -m vsortd "$@"; fi\n'
        'printf \'%s\\0\' "$@" > "$VSORTD_RECORD.part" && mv "$VSORTD_RECORD.part" "$VSORTD_RECORD"\n'
    )
    command.chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))},
        "LANG": "C.UTF-8",
        "PATH": f"{tools}:{os.environ['PATH']}",
        "VSORTD_CONFIG": str(path),
        "VSORTD_STATE_DIR": str(folder / "state"),
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "TERM": "dumb",
    }


def script(environment: dict[str, str], shell: str) -> str:
    """Return what `vsortd completion SHELL` prints."""
    done = subprocess.run(
        ["vsortd", "completion", shell], env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    return done.stdout


def sourced(environment: dict[str, str], shell: str, folder: Path) -> str:
    """Write the script into a folder; returns the line that loads it."""
    path = folder / f"completion.{shell}"
    path.write_text(script(environment, shell))
    return f"source {path}"


class Terminal:
    """An interactive shell in a terminal: types, and waits for what it shows."""

    def __init__(self, shell: str, environment: dict[str, str], folder: Path, *, first: str = "") -> None:
        """Start a shell with the completion loaded, in the folder `folder`; `first` is a line to type before that."""
        command = _COMMANDS[shell]
        self.shown = b""
        # fish lists nothing in a terminal that can't do anything
        environment = {**environment, "TERM": "xterm"} if shell == "fish" else environment
        loading = sourced(environment, shell, folder)
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.chdir(folder)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))  # rows and columns
            os.execvpe(command[0], command, environment)  # noqa: S606 - the shell itself
        self.type(f"{_BEGINNINGS[shell]}; {first}{loading}\n")
        self.wait_for("READY ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._terminal)
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)

    def type(self, keys: str) -> None:
        """Type; what was not waited for yet comes after it."""
        os.write(self._terminal, keys.encode())

    def look(self, limit_s: float) -> None:
        """Take in what is shown next, if anything is within the limit."""
        if select.select([self._terminal], [], [], limit_s)[0]:
            self.shown += os.read(self._terminal, 65536)

    def wait_for(self, text: str) -> bytes:
        """Wait until the text is shown after what was waited for before; returns all until there."""
        deadline = time.monotonic() + PATIENCE_S
        while text.encode() not in self.shown:
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"waited in vain for {text!r}: {self.shown!r}"
            self.look(left_s)
        before, _, self.shown = self.shown.partition(text.encode())
        return before
