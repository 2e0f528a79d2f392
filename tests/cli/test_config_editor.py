"""`vsortd edit`: a sound config is taken and reloaded, a wrong one changes nothing, and no edit is ever lost."""

from __future__ import annotations

import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.harness import Home
from vsortd.cli.config_editor import editor_command
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

SOUND = "{s}.replace('settle: 0.3s', 'settle: 0.4s')"
WRONG = "{s}.replace('library:', 'libary:')"


def editor(folder: Path, *edits: str, code: int = 0) -> str:
    """Return an editor that makes one edit after the other, each time it is opened (the last for good)."""
    script = folder / "editor.py"
    steps = [edit.format(s="text") for edit in edits]
    script.write_text(
        "import pathlib, sys\n"
        f"count = pathlib.Path({str(folder / 'opened')!r})\n"
        "number = int(count.read_text()) if count.exists() else 0\n"
        "count.write_text(str(number + 1))\n"
        "path = pathlib.Path(sys.argv[-1])\n"
        "text = path.read_text()\n"
        f"steps = [{', '.join('lambda text: ' + step for step in steps)}]\n"
        "path.write_text(steps[min(number, len(steps) - 1)](text))\n"
        f"sys.exit({code})\n"
    )
    return f"{sys.executable} {script}"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.make(tmp_path)
    home.config.chmod(0o640)
    return home


def copies(home: Home) -> list[Path]:
    return sorted(home.folder.glob("vsortd.edit-*.yaml"))


def test_a_sound_edit_is_taken_with_the_files_mode(home: Home) -> None:
    home.more_environment["VISUAL"] = editor(home.folder, SOUND)
    done = home.run("edit")
    assert "is sound, and changed" in done.stdout
    assert "vsortd run" in done.stdout  # no daemon: what to type next
    assert "settle: 0.4s" in home.config.read_text()
    assert 0o640 == stat.S_IMODE(home.config.stat().st_mode)
    assert [] == copies(home)


def test_visual_goes_before_editor(home: Home) -> None:
    home.more_environment |= {"VISUAL": editor(home.folder, SOUND), "EDITOR": "/no/such/editor"}
    home.run("edit")


def test_a_wrong_edit_changes_nothing_and_is_kept(home: Home) -> None:
    before = home.config.read_bytes()
    home.more_environment["EDITOR"] = editor(home.folder, WRONG)
    done = home.run("edit", code=10)
    assert before == home.config.read_bytes()
    (copy,) = copies(home)
    assert "libary:" in copy.read_text()
    assert str(copy) in done.stderr
    assert ":4: libary" in done.stderr  # the line of the mistake …
    assert "did you mean: library" in done.stderr
    assert "vsortd check --config" in done.stderr  # … and what to type


def test_nothing_changed_leaves_nothing_behind(home: Home) -> None:
    home.more_environment["EDITOR"] = "true"
    assert "Nothing was changed" in home.run("edit").stdout
    assert [] == copies(home)


def test_a_symlink_stays_one(home: Home) -> None:
    real = home.folder / "dotfiles" / "real.yaml"
    real.parent.mkdir()
    home.config.rename(real)
    home.config.symlink_to(real)
    home.more_environment["EDITOR"] = editor(home.folder, SOUND)
    home.run("edit")
    assert home.config.is_symlink()
    assert "settle: 0.4s" in real.read_text()


def test_an_editor_that_fails_changes_nothing_and_loses_nothing(home: Home) -> None:
    before = home.config.read_bytes()
    home.more_environment["EDITOR"] = editor(home.folder, SOUND, code=3)
    done = home.run("edit", code=10)
    assert before == home.config.read_bytes()
    (copy,) = copies(home)
    assert "settle: 0.4s" in copy.read_text()
    assert "exit code 3" in done.stderr


def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(home: Home) -> None:
    script = home.folder / "slow.py"
    script.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[-1])\n"
        "path.write_text(path.read_text() + '# mine\\n')\n"
        f"other = pathlib.Path({str(home.config)!r})\n"
        "other.write_text(other.read_text() + '# theirs\\n')\n"
    )
    home.more_environment["EDITOR"] = f"{sys.executable} {script}"
    done = home.run("edit", code=10)
    assert "somebody else" in done.stderr
    assert home.config.read_text().endswith("# theirs\n")
    assert copies(home)[0].read_text().endswith("# mine\n")


@pytest.mark.parametrize("name", ["VISUAL", "EDITOR"])
def test_an_editor_that_is_not_here_is_said_before_anything_is_made(home: Home, name: str) -> None:
    home.more_environment |= {"VISUAL": "", "EDITOR": "", name: "/no/such/editor -w"}
    done = home.run("edit", code=2)
    assert f"${name}" in done.stderr
    assert [] == copies(home)


@pytest.mark.parametrize(
    ("visual", "named"), [("", ""), ("vi -y", "$VISUAL names vi"), ("emacs -nw", "$VISUAL names emacs")]
)
def test_without_a_terminal_no_editor_that_needs_one_is_started(
    home: Home, tmp_path: Path, visual: str, named: str
) -> None:
    """Such an editor would wait for ever for keys that nobody can press."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("vi", "emacs", "sensible-editor"):
        (tools / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        (tools / name).chmod(0o755)
    home.more_environment |= {"VISUAL": visual, "EDITOR": "", "PATH": f"{tools}:{os.environ['PATH']}"}
    done = home.run("edit", code=2)
    assert f"{named or 'sensible-editor'}" in done.stderr
    assert "a terminal, and there is none here. Nothing was changed." in done.stderr
    assert "vsortd config path" in done.stderr
    assert not (tmp_path / "started").exists()
    assert [] == copies(home)


def test_the_editor_that_is_not_here_is_not_proposed_again(tmp_path: Path) -> None:
    """What it names instead is here, or it names none."""
    tools = tmp_path / "bin"
    tools.mkdir()
    found = []
    for there in ("", "vi"):
        if there:
            (tools / there).write_text("#!/bin/sh\n")
            (tools / there).chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", str(tools))
            with pytest.raises(UsageError) as told:
                editor_command({"EDITOR": "nano"}, at_terminal=True)
        found.append(told.value.remedy)
    assert ["Name one that is, or install it.", "Name one that is, e.g.: EDITOR=vi vsortd edit"] == found


def test_at_a_terminal_it_offers_to_edit_again(home: Home) -> None:
    text = "text.replace('libary:', 'library:').replace('0.3s', '0.5s')"
    home.more_environment["EDITOR"] = editor(home.folder, WRONG, text)
    code, shown = talk(home, "y\n")
    assert "libary" in shown
    assert "1 mistake. Edit again?" in shown or "2 mistakes. Edit again?" in shown
    assert 0 == code, shown
    assert "settle: 0.5s" in home.config.read_text()


def test_at_a_terminal_no_keeps_the_copy(home: Home) -> None:
    before = home.config.read_bytes()
    home.more_environment["EDITOR"] = editor(home.folder, WRONG)
    code, shown = talk(home, "n\n")
    assert 10 == code, shown
    assert before == home.config.read_bytes()
    assert 1 == len(copies(home))


def talk(home: Home, answer: str) -> tuple[int, str]:
    """Run `vsortd edit` at a terminal and give one answer."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vsortd", "edit"], env=home.environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown, answered = b"", False
    try:
        while data := os.read(ours, 4096):
            shown += data
            if b"[Y/n]" in shown and not answered:
                os.write(ours, answer.encode())
                answered = True
    except OSError:
        pass
    finally:
        os.close(ours)
    return process.wait(20), shown.decode("utf-8", "replace")


@pytest.mark.timeout(120)
def test_a_running_daemon_takes_it_at_once(home: Home) -> None:
    home.more_environment["EDITOR"] = editor(home.folder, "{s} + 'none_of_these: [a black screen]\\n'")
    home.start()
    try:
        done = home.run("edit")
        assert "The daemon took it; changed: none_of_these" in done.stdout
    finally:
        home.stop()
