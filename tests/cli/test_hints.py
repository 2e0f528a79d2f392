"""What is proposed to be typed next: never what was typed, and no words that the model in the package does not know."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import harness
from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.cli.examples import EXAMPLES
from vsortd.cli.proposals import proposed
from vsortd.cli.search_view import _print_foot
from vsortd.cli.timeline import _next
from vsortd.config.check import check_file
from vsortd.config.diagnostics import nearest_of
from vsortd.config.load import load_settings
from vsortd.config.own_words import own_prompts
from vsortd.config.rules import build_rules
from vsortd.config.warnings import warnings_of
from vsortd.core.console import PlainConsole
from vsortd.library.clusters.cluster_tables import print_next
from vsortd.library.timeline.spans import PromptSpans, Reading, Shown, Span, Track
from vsortd.library.timeline.track import TimelineResult, Wish
from vsortd.vision.sample import unknown_words

_NO_PICTURES = {"--sound", "--said", "--text"}  # with these, words aren't for the model that looks
_PROMPT = re.compile(r"""'[^'\n]*"((?:a|an|the) [a-z ]+)"[^'\n]*'""")


def test_prompts_in_hints_are_known_to_every_model() -> None:
    found = {
        prompt: path.name
        for path in sorted((REPOSITORY / "vsortd").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if not _NO_PICTURES & set(line.replace("'", " ").split())
        for prompt in _PROMPT.findall(line)
    }
    assert {"a forest", "the sea"} <= set(found)
    no_prompts = {"a photo of ", "the name"}
    assert [] == [prompt for prompt in found if prompt not in no_prompts and unknown_words(prompt)]


def prompts_of(words: list[str]) -> list[str]:
    """Return what a command line of vsortd asks the model for that looks at pictures."""
    asks = {"search": (1, {"--not"}), "timeline": (2, {"--not"}), "classify": (2, set())}
    if not words or words[0] not in asks or _NO_PICTURES & set(words):
        return []
    first, taking = asks[words[0]]
    command: Any = command_line().commands[words[0]]
    values = {name for one in command.params if not getattr(one, "is_flag", True) for name in one.opts}
    found: list[str] = []
    rest = iter(words[first:])
    for word in rest:
        if word in values:
            value = next(rest)
            found += [value] if word in taking else []
        elif not word.startswith("-"):
            found.append(word)
    return found


DOCS = [
    path.read_text(encoding="utf-8") for path in (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
]


def test_prompts_of_every_example_are_known_to_the_sample_model() -> None:
    lines = [line for examples in EXAMPLES.values() for line, _ in examples]
    blocks = [block for page in DOCS for block in re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL)]
    lines += [line for block in blocks for line in block.splitlines() if line.startswith("vsortd ")]
    prompts = [prompt for line in lines for prompt in prompts_of(shlex.split(line, comments=True)[1:])]
    assert {"waves on a beach", "clouds", "a screen", "fireworks"} <= set(prompts)
    assert {} == {prompt: unknown_words(prompt) for prompt in prompts if unknown_words(prompt)}


def test_configs_of_the_sample_model_that_we_show_have_only_its_words(tmp_path: Path) -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "config").glob("*.yaml"))]
    texts += [block for page in DOCS for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)]
    ours = [text for text in texts if re.search(r"^model: sample\b", text, re.MULTILINE)]
    assert ours
    for text in ours:
        path = tmp_path / "vsortd.yaml"
        path.write_text(text, encoding="utf-8")
        warned = [one.message for one in warnings_of(check_file(path), unknown_words)]
        assert [] == [one for one in warned if "know" in one]


RULES = """\
rules:
  - name: trips
    prompts: [zeppelins]
    rules: [{name: balloons, prompts: [a zeppelin, rocky mountains]}]
  - {name: slow, when: {min_fps: 100}}
  - {name: sea}
"""


def test_what_is_proposed_is_the_users_own_and_known_to_the_model(tmp_path: Path) -> None:
    home = harness.Home.make(tmp_path / "home", rules=RULES)
    settings = load_settings(home.config)
    assert ["rocky mountains", "sea"] == list(own_prompts(build_rules(settings), unknown_words))
    assert "rocky mountains" == proposed(settings)
    assert "zeppelins" == proposed(settings.model_copy(update={"model": "auto"}))
    odd = harness.Home.make(tmp_path / "odd", rules="rules: [{name: zeppelins}]\n")
    assert not unknown_words(proposed(load_settings(odd.config)))


@pytest.mark.parametrize(
    ("made", "proposed"),
    [
        ({}, "add -o scenes.png to see them, or -o scene.mp4"),
        ({"sheet": "scenes.png"}, "add -o scene.mp4 to cut one out"),
        ({"clip": {"file": "a.mp4", "note": "Copied."}}, "Cut into a.mp4: Copied."),
    ],
)
def test_a_search_does_not_propose_the_sheet_that_was_drawn(
    made: dict[str, Any], proposed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found: Any = {
        "scenes": [{"score": 0.9}],
        "videos": 1,
        "hours": 0.5,
        "coarse": 1,
        "unseen_shots": 0,
        "unmeasured": 0,
        "gone": [],
        "unknown": [],
        "weaker": 0,
    }
    _print_foot(found, made, like_alone=False)
    told = capsys.readouterr().out
    assert proposed in told
    assert ("-o scenes.png" in told) == (not made)
    assert "Looked through 1 video, 30 min in all." in told
    assert "1 video was looked at in few frames, so its times are rough" in told


@pytest.mark.parametrize("drawn", [True, False])
def test_groups_that_were_drawn_are_not_proposed_to_be_drawn(
    *, drawn: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    print_next(PlainConsole(), "vsortd cluster /v", drawn=drawn)
    assert drawn == ("look at them" not in capsys.readouterr().out)


def test_the_word_itself_is_never_what_was_meant() -> None:
    assert "" == nearest_of("auto", ["auto"])
    assert "autos" == nearest_of("auto", ["auto", "autos"])
    assert "auto" == nearest_of("Auto", ["auto"])


@pytest.mark.parametrize(("unknown", "proposed"), [((), "sea 'a zeppelin'"), (("zeppelin",), "sea")])
def test_a_timeline_repeats_no_prompt_with_a_word_that_the_model_does_not_know(
    unknown: tuple[str, ...], proposed: str
) -> None:
    span = Span(0.0, 1000.0, 0.9, 500)
    found = tuple(PromptSpans(prompt, Shown.YES, 0.9, (span,), 1.0, 0, 0.9) for prompt in ("sea", "a zeppelin"))
    wish = Wish(Path("a.mp4"), ("sea", "a zeppelin"), ("Zeppelin",), 1.0, None, Reading())
    track = Track(np.array([0]), np.zeros((1, 2)), 1.0)
    (line,) = _next(TimelineResult(wish, track, found, "sample", unknown), Path("a.mp4"), plotted=False)
    against = "" if unknown else " --not Zeppelin"
    assert line.endswith(f": vsortd timeline a.mp4 {proposed}{against} --fine")
    alone = TimelineResult(wish, track, found[1:], "sample", unknown)
    assert bool(_next(alone, Path("a.mp4"), plotted=False)) is not bool(unknown)
