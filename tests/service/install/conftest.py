"""A person's home, a service manager that writes down what it is told, and modules as another system sees them."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


COMMAND = (sys.executable, "-m", "vsortd")

# Answers like the real one as far as install looks: 0, and for `show` the properties of a unit that runs.
FAKE_MANAGER = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
  *--version*) echo "systemd ${FAKE_VERSION:-257} (fake)";;
  *show*vsortd*)
    printf 'UnitFileState=enabled\\nActiveState=%s\\nSubState=running\\n' "${FAKE_STATE:-active}"
    printf 'StatusText=watching 1 inbox\\nMainPID=7\\nNRestarts=2\\n';;
esac
if [ -n "$FAKE_FAILS" ]; then case "$*" in *$FAKE_FAILS*) echo "it is broken" >&2; exit 4;; esac; fi
exit 0
"""


@dataclass(slots=True)
class Person:
    """A home with a config, and the real command line in its own process."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def command(self) -> tuple[str, ...]:
        return COMMAND

    @property
    def config(self) -> Path:
        return self.folder / "my videos" / "vsortd 100%.yaml"

    @property
    def unit(self) -> Path:
        return self.home / ".config" / "systemd" / "user" / "vsortd.service"

    @property
    def entry(self) -> Path:
        return self.home / ".config" / "autostart" / "vsortd-tray.desktop"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "SUDO_", "HF_"))}
        return {
            **kept,
            "HOME": str(self.home),
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "VSORTD_STATE_DIR": str(self.state),
            "VSORTD_CONFIG": str(self.config),
            **self.more,
        }

    def run(self, *argv: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *argv],
            env=self.environment,
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert code == done.returncode, f"{argv}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *argv: str, code: int = 0) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run(*argv, "--json", code=code).stdout)
        assert 1 == document["schema_version"]
        return document

    def calls(self) -> list[str]:
        """Return what systemctl and loginctl were told, looking aside."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if " show" not in line and "--version" not in line]

    def files(self) -> list[str]:
        """Return everything below the home, folders too."""
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*"))


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Return a person with a config and a fake systemctl and loginctl."""
    one = Person(tmp_path)
    (tmp_path / "bin").mkdir()
    one.home.mkdir()
    one.config.parent.mkdir()
    (tmp_path / "in").mkdir()
    for name in ("systemctl", "loginctl"):
        program = tmp_path / "bin" / name
        program.write_text(FAKE_MANAGER)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    one.config.write_text(
        f"version: 2\ninboxes: [{{path: {tmp_path / 'in'}}}]\nlibrary: {tmp_path / 'out'}\nmodel: sample\n"
        "rules: [{name: sea, prompts: [sea]}]\n"
    )
    return one


@pytest.fixture
def load_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Return what loads a module of vsortd as another system sees it, beside the one that is in use."""

    def load(platform: str, file: str, modules: dict[str, Any] | None = None) -> ModuleType:
        for name, module in (modules or {}).items():
            monkeypatch.setitem(sys.modules, name, module)
        spec = importlib.util.spec_from_file_location(f"as_{platform}_{Path(file).stem}", REPOSITORY / file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        with monkeypatch.context() as there:
            there.setattr(sys, "platform", platform)
            spec.loader.exec_module(module)
        return module

    return load
