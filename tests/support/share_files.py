"""The files for distributions that are made from the code: `python -m tests.support.share_files` writes them.

They lie in `service/share/`, each where it goes below `/usr/share`.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Final

from tests.support.paths import REPOSITORY
from vsortd.cli.completion_scripts import SCRIPTS
from vsortd.service.install.systemd import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER: Final = REPOSITORY / "service" / "share"

_ABOUT: Final = """\
# vsortd as a service of one user, for distributions: the program is /usr/bin/vsortd, and the config is found where it
# usually lies. systemctl --user enable --now vsortd. `systemctl --user edit vsortd` keeps your changes beside it.
# `vsortd service install` writes a unit of its own into the home, which then counts instead.
"""


def user_unit() -> str:
    """Return the unit that `vsortd service install` fills in, for a program and a config in their usual places."""
    template = (REPOSITORY / "service" / "systemd" / "user" / "vsortd.service").read_text("utf-8")
    _, begin, rest = template.partition("\n[Unit]\n")
    without = re.sub(r"^#[^\n]*\n@ENVIRONMENT@\n", "", rest, flags=re.MULTILINE)
    commands = {"COMMAND": "/usr/bin/vsortd run --json-log", "RELOAD": "/usr/bin/vsortd reload"}
    return _ABOUT + begin + fill(without, commands)


FILES: Final[Mapping[str, Callable[[], str]]] = {
    "systemd/user/vsortd.service": user_unit,
    "bash-completion/completions/vsortd": lambda: SCRIPTS["bash"],
    "zsh/site-functions/_vsortd": lambda: SCRIPTS["zsh"],
    "fish/vendor_completions.d/vsortd.fish": lambda: SCRIPTS["fish"],
}


def main() -> int:
    """Write the files."""
    for name, made in FILES.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
