"""What is proposed to be typed next: never what was typed, and no words that the model in the package does not know."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.paths import REPOSITORY
from vsortd.cli.search import _print_foot
from vsortd.config.diagnostics import nearest_of
from vsortd.core.console import PlainConsole
from vsortd.library.clusters.cluster_tables import print_next
from vsortd.vision.sample import unknown_words

_PROMPT = re.compile(r"""'[^'\n]*"((?:a|an|the) [a-z ]+)"[^'\n]*'""")


def test_prompts_in_hints_are_known_to_every_model() -> None:
    """The examples below --help are for any model; a hint comes where one is at work."""
    found = {
        prompt: path.name
        for path in sorted((REPOSITORY / "vsortd").rglob("*.py"))
        if path.name != "examples.py"
        for prompt in _PROMPT.findall(path.read_text(encoding="utf-8"))
    }
    assert "a forest at night" in found
    about_options = {"a photo of ", "a construction site"}  # help texts of options, like the examples
    assert [] == [prompt for prompt in found if prompt not in about_options and unknown_words(prompt)]


@pytest.mark.parametrize(
    ("made", "proposed"),
    [
        ({}, "add --sheet scenes.png to see them, or --clip 1 scene.mp4"),
        ({"sheet": "scenes.png"}, "add --clip 1 scene.mp4 to cut one out"),
        ({"clip": {"file": "a.mp4", "note": "Copied."}}, "Cut into a.mp4: Copied."),
    ],
)
def test_a_search_does_not_propose_the_sheet_that_was_drawn(
    made: dict[str, Any], proposed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found: Any = {"scenes": [{"score": 0.9}], "videos": 1, "hours": 0.5, "coarse": 1, "gone": [], "unknown": []}
    _print_foot(found, made, like_alone=False)
    told = capsys.readouterr().out
    assert proposed in told
    assert ("--sheet" in told) == (not made)
    assert "Looked through 1 video, 30 min in all." in told
    assert "1 video was looked at in few frames, so its times are rough" in told


@pytest.mark.parametrize("drawn", [True, False])
def test_groups_that_were_drawn_are_not_proposed_to_be_drawn(
    *, drawn: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    print_next(PlainConsole(), "vsortd cluster /v", drawn=drawn)
    assert drawn == ("--out" not in capsys.readouterr().out)


def test_the_word_itself_is_never_what_was_meant() -> None:
    assert "" == nearest_of("auto", ["auto"])
    assert "autos" == nearest_of("auto", ["auto", "autos"])
    assert "auto" == nearest_of("Auto", ["auto"])
