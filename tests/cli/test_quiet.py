"""`--quiet` and `--color`, before and after every command's name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest.mock
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.test_tables_everywhere import pseudo
from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support import harness
from tests.support.clips import render_scene
from vsortd.cli.app import command as command_line
from vsortd.core.output import ColorChoice, choose_color

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Any = command_line()
HINT = re.compile(
    r"Next:|vsortd undo|Undo all|Take it back|Start it with|Nothing was touched|^Written|^Drawn into", re.MULTILINE
)
ESCAPE = "\x1b["


def every_command() -> Iterator[list[str]]:
    """Yield the words of every command and group, as they are typed."""
    stack: list[tuple[list[str], Any]] = [([], ROOT)]
    while stack:
        words, command = stack.pop()
        yield words
        stack += [([*words, name], child) for name, child in getattr(command, "commands", {}).items()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Here:
    """Return a home with one video in its inbox, one in Films, and one that is broken."""
    here = harness.Here(harness.Home.make(tmp_path_factory.mktemp("quiet") / "home").folder)
    (here.folder / "Films").mkdir()
    for seed, path in enumerate((here.inbox / "one.mp4", here.folder / "Films/two.mp4")):
        render_scene(path, Subject.SEA, Light.DAY, seed=seed, frames=40, fps=20)
    (here.folder / "broken.mp4").write_bytes(b"no video")
    return here


@pytest.mark.parametrize("words", list(every_command()), ids=" ".join)
def test_every_command_takes_both_before_and_after_its_name(words: list[str], home: harness.Here) -> None:
    after = home.run(*words, "-q", "--color", "never", "--help").stdout
    assert "--quiet" in after
    assert "--color" in after
    assert after == home.run("--quiet", "--color=never", *words, "--help").stdout
    assert ESCAPE not in after
    assert ESCAPE in home.run(*words, "--color", "always", "--help").stdout


def test_what_is_done_is_done_without_a_word_and_undone(home: harness.Here) -> None:
    film = home.folder / "Films/two.mp4"
    for words in (
        ("check",),
        ("sort", home.inbox / "one.mp4", "--as-root"),
        ("index", home.folder / "Films"),
        ("teach", film, "sea", "--keep"),
        ("corrections", "forget", "1"),
        ("pause",),
        ("resume",),
        ("undo", "--all"),
        ("release", "--all"),
        ("service", "uninstall"),
        ("config", "init", "--yes", "--out", home.folder / "made.yaml"),
    ):
        done = home.run("-q", *words)
        assert ("", "") == (done.stdout, done.stderr), words
    assert (home.inbox / "one.mp4").is_file()
    assert "undone" == home.items()[0]["state"]
    assert (home.folder / "made.yaml").is_file()


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "words",
    [
        "status",
        "plan FOLDER/Films",
        "sort --dry-run FOLDER/Films",
        "explain FOLDER/Films/two.mp4",
        "history",
        "index --list",
        "search sea --all",
        "timeline FOLDER/Films/two.mp4 sea",
        "classify FOLDER/Films/two.mp4 sea",
        "analyze FOLDER/Films/two.mp4 --only facts",
        "config show",
        "config path",
        "model list",
        "completion bash",
        "service install --dry-run",
    ],
)
def test_what_was_asked_for_stays_and_hints_go(words: str, home: harness.Here) -> None:
    """Every line that is left is one that stands there without --quiet, too."""
    home.run("sort", home.folder / "Films/two.mp4", "--dry-run")
    home.run("index", home.folder / "Films")
    typed = [word.replace("FOLDER", str(home.folder)) for word in words.split()]
    loud, quiet = home.run(*typed), home.run(*typed, "--quiet")
    assert quiet.stdout.strip()
    assert not HINT.search(quiet.stdout + quiet.stderr)
    told = set((loud.stdout + loud.stderr).splitlines())
    assert set((quiet.stdout + quiet.stderr).splitlines()) - {""} <= told


def test_json_is_the_same(home: harness.Here) -> None:
    for words in (("history", "--json"), ("history", "--csv"), ("status", "--json")):
        assert home.run(*words).stdout == home.run(*words, "-q").stdout


def test_errors_are_told_with_the_same_exit_codes(home: harness.Here) -> None:
    for words in (
        ("sort", home.folder / "broken.mp4"),
        ("undo", "4711"),
        ("release", "4711"),
        ("sort", home.folder / "missing.mp4"),
        ("reload",),
        ("analyze", home.folder / "broken.mp4"),
        ("check", "--config", home.folder / "broken.mp4"),
    ):
        loud, quiet = home.run(*words, code=None), home.run("-q", *words, code=None)
        assert loud.returncode == quiet.returncode, words
        assert quiet.returncode != 0, words
        assert quiet.stdout + quiet.stderr, words


def test_a_wrong_choice_of_colours_is_refused(home: harness.Here) -> None:
    done = home.run("status", "--color", "blue", code=2)
    assert "auto, always, never" in done.stderr


@pytest.mark.few(2)
@pytest.mark.parametrize(
    ("option", "environment", "coloured"),
    [
        ((), {}, False),
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color=auto",), {"FORCE_COLOR": "1"}, True),
        (("--color=always",), {}, True),
        (("--color=always",), {"NO_COLOR": "1"}, True),
        (("--color=never",), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colours_through_a_pipe(
    option: tuple[str, ...], environment: dict[str, str], *, coloured: bool, home: harness.Here
) -> None:
    """The option weighs more than the environment, which weighs more than what stdout is."""
    plain = {name: value for name, value in home.environment.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    for words in ((*option, "check"), ("check", *option)):
        done = subprocess.run(
            [sys.executable, "-m", "vsortd", *words],
            env={**plain, "TERM": "xterm", **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        assert coloured == (re.search(r"\x1b\[[0-9;]*3[0-9]m", done.stdout) is not None), done.stdout


@pytest.mark.parametrize(
    "words", ["--help --color=never", "check --help --color never", "--color never config show --help"]
)
def test_help_is_in_the_colours_that_are_named_behind_it(words: str, home: harness.Here) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", *words.split()],
        env={**home.environment, "FORCE_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage" in done.stdout
    assert ESCAPE not in done.stdout


def test_colours_leave_no_trace_in_what_programs_read(home: harness.Here) -> None:
    for form in ("--json", "--csv"):
        assert ESCAPE not in home.run("history", form, "--color=always").stdout


@pseudo
@pytest.mark.parametrize(("option", "shown"), [((), True), (("-q",), False)])
def test_no_progress_on_a_terminal(option: tuple[str, ...], *, shown: bool) -> None:
    """In a process with a terminal for its stderr."""
    import pty

    leader, follower = pty.openpty()
    code = f"from vsortd.cli.common import shows_progress; from vsortd.core.output import be_quiet;\
be_quiet({bool(option)}); raise SystemExit(0 if shows_progress() is {shown} else 1)"
    try:
        subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    finally:
        os.close(leader)
        os.close(follower)


def test_auto_leaves_the_environment_alone() -> None:
    with unittest.mock.patch.dict(os.environ, {"NO_COLOR": "1"}):
        os.environ.pop("FORCE_COLOR", None)
        choose_color(ColorChoice.AUTO)
        assert "1" == os.environ["NO_COLOR"]
        choose_color(ColorChoice.ALWAYS)
        assert "NO_COLOR" not in os.environ
        assert "1" == os.environ["FORCE_COLOR"]
