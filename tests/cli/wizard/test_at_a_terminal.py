"""`vsortd config init` for real, in a pseudo-terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.shots import Shot, render_shot
from tests.support.wizard import Terminal, files_below
from vsortd.config.load import load_settings
from vsortd.core.resources import resource_folder
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)  # the model is loaded twice
def test_the_whole_dialogue_at_a_real_terminal(home: Path, terminal: Callable[..., Terminal]) -> None:
    """Ask, try on real clips with the real planner, change prompts, write; then the config is valid and in use."""
    inbox = home / "Videos" / "Inbox"
    inbox.mkdir(parents=True)
    render_shot(Shot("woods.mp4", "forest", "day"), inbox / "woods.mp4", seed=7)
    render_shot(Shot("waves.mp4", "sea", "day"), inbox / "waves.mp4", seed=7)
    before = files_below(home)
    person = terminal("config", "init")
    person.answer("Which folder do your videos come into?", "")
    person.answer("Where shall they be filed?", "")
    person.answer("Which model", "sample")
    person.answer("Which folders do you want?", "nature/forest, sea")
    person.wait_for('nature: the sample model does not know "nature"')
    person.answer("Shall other words", "1")
    person.answer("What do videos of nature show?", "a giraffe")
    person.wait_for('does not know "giraffe"')
    person.answer("Shall other words", "b")
    person.answer("Which folders do you want?", "")
    person.answer("Shall other words", "nature/forest = forest, trees in a wood")
    person.wait_for("2 forest  forest, trees in a wood")
    person.answer("Shall other words", "3 = ocean waves")
    person.answer("Shall other words", "")
    person.answer("Which videos shall be sorted?", "")
    person.answer(".mov files?", "")
    person.wait_for("The config is valid: 3 rules, 2 at the top.")
    person.wait_for("└── woods.mp4")
    person.answer("And now?", "p")
    person.answer("Which rule?", "nature")
    person.answer("What do videos of nature show?", "forest")
    person.wait_for("└── woods.mp4  ")
    person.wait_for("nature/forest: ")
    person.wait_for("And now?")
    assert before == files_below(home)
    person.answer("a  accept it", "a")
    person.answer("There is no folder ~/Videos/Sorted yet.", "y")
    assert ExitCode.OK == person.end(), person.seen
    config = home / ".config" / "vsortd" / "config.yaml"
    assert "Wrote ~/.config/vsortd/config.yaml" in person.seen
    assert "vsortd run" in person.seen
    settings = load_settings(config)
    assert (inbox, home / "Videos" / "Sorted") == (settings.inboxes[0].path, settings.library)
    assert ["forest"] == list(settings.rules[0].prompts)
    assert ["vsortd.schema.json"] == [path.name for path in config.parent.iterdir() if path != config]
    assert settings.library.is_dir()
    assert ["waves.mp4", "woods.mp4"] == files_below(inbox)


@pytest.mark.few(2)
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
@pytest.mark.parametrize("answers", [0, 4, 7])
def test_leaving_writes_nothing(
    key: str, answers: int, home: Path, tmp_path: Path, terminal: Callable[..., Terminal]
) -> None:
    script = ["", "", "sample", "sea", "", "", ""]
    person = terminal("config", "init", "--out", str(home / "new" / "config.yaml"))
    for line in script[:answers]:
        person.answer("Enter" if line == "" else "?", line)
    person.wait_for("\n> ")
    assert ExitCode.INTERRUPTED == person.leave(key), person.seen
    assert "Nothing was written." in person.seen
    assert "Traceback" not in person.seen
    assert [] == files_below(home)
    assert ["home"] == [path.name for path in tmp_path.iterdir()]


def test_answers_that_are_no_text_or_endless_are_asked_for_again(home: Path, terminal: Callable[..., Terminal]) -> None:
    person = terminal("config", "init")
    person.answer("Which folder do your videos come into?", f"~/{'x' * 300}")
    person.wait_for("File name too long")
    person.wait_for("\n> ")
    os.write(person.master, b"~/\xff\xfe\n")
    person.wait_for("These are not characters that a name can have.")
    person.type("\n")
    person.wait_for("Where shall they be filed?")
    assert ExitCode.INTERRUPTED == person.leave(CTRL_C), person.seen
    assert "Traceback" not in person.seen
    assert [] == files_below(home)


def test_a_config_that_is_there_is_said_before_anything_is_asked(home: Path, terminal: Callable[..., Terminal]) -> None:
    (home / "config.yaml").write_text("mine", encoding="utf-8")
    person = terminal("config", "init", "--out", str(home / "config.yaml"))
    assert ExitCode.FAILURE == person.end()
    assert "is there already" in person.seen
    assert "?" not in person.seen
    assert "mine" == (home / "config.yaml").read_text(encoding="utf-8")


def test_a_place_that_can_not_be_written_is_said_before_anything_is_asked(
    home: Path, terminal: Callable[..., Terminal]
) -> None:
    (home / "file").touch()
    person = terminal("config", "init", "--out", str(home / "file" / "config.yaml"))
    assert ExitCode.FAILURE == person.end()
    assert "can't be written" in person.seen
    assert "?" not in person.seen


@pytest.mark.parametrize("option", ["--yes", "--json"])
def test_a_terminal_is_not_asked_when_told_so(option: str, home: Path, terminal: Callable[..., Terminal]) -> None:
    person = terminal("config", "init", option, "--out", str(home / "config.yaml"))
    assert ExitCode.OK == person.end()
    example = (resource_folder("config") / "first.yaml").read_bytes()
    assert example == (home / "config.yaml").read_bytes()
