"""Configs that were written to harm, through the real commands: refused with line and reason before anything happens.

How each single trap is read has tests beside this one (test_yaml_traps, test_wrong_values, test_names); here `check`
and the commands that would work by such a config meet them.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import troubles
from vsortd.__main__ import main
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BASE = {
    "version": "version: 2",
    "inboxes": "inboxes: [{{path: {0}/in}}]",
    "library": "library: {0}/out",
    "model": "model: sample",
    "rules": "rules: [{{name: a}}]",
}
FILM = bytes(range(256))
BOMB = "&a [x,x,x,x,x,x,x,x,x]"

# what takes the place of a line of the base (or comes after it), and what is said about it
HOSTILE = {
    "an alias bomb": (f"rules: [{{{{name: a, prompts: {BOMB}}}}}, {{{{name: b, prompts: [*a, *a]}}}}]", "aliases"),
    "a value that holds itself": ("rules: &r [{{name: a, rules: *r}}]", "aliases"),
    "a rule of the name no": ("rules: [{{name: no}}]", "quotes"),
    "a rule that is a number": ("rules: [{{name: 12}}]", "quotes"),
    "a second library": ("library: {0}/out\nlibrary: {0}/other", "stands here already"),
    "deeper than anything": ("rules: " + "[" * 5000, "nest"),
    "code in a tag": ("model: !!python/object/apply:os.system ['touch {0}/ran']", "tags"),
    "a list where a folder is meant": ("library: [{0}/out]", ""),
    "a folder where a list is meant": ("inboxes: {0}/in", ""),
    "a rule that climbs": ("rules: [{{name: ../../etc}}]", ""),
    "a rule of dots": ("rules: [{{name: ..}}]", ""),
    "a rule from the root": ("rules: [{{name: /etc}}]", ""),
    "a rule of a device": ("rules: [{{name: CON}}]", ""),
    "a rule of a device with an end": ("rules: [{{name: nul.old}}]", ""),
    "a rule in vsortd's own folder": ("rules: [{{name: .vsortd}}]", ""),
    "two rules in one folder": ("rules: [{{name: Sea}}, {{name: sea}}]", ""),
    "a template that climbs": ("place: {{name: '../{{stem}}'}}", ""),
    "a template from the root": ("place: {{name: '/{{stem}}'}}", ""),
    "a folder template that climbs": ("place: {{folder: '{{rule}}/../..'}}", ""),
    "a folder template from the root": ("place: {{folder: '/{{rule}}'}}", ""),
    "a folder template that reaches into objects": ("place: {{folder: '{{rule.__class__}}'}}", ""),
    "a template that reaches into objects": ("place: {{name: '{{stem.__class__}}'}}", ""),
    "a review folder elsewhere": ("place: {{review: ../elsewhere}}", ""),
    "a review folder of a device": ("place: {{review: AUX}}", ""),
    "duplicates elsewhere": ("place: {{on_duplicate: {{to: /tmp}}}}", ""),
    "an inbox in an inbox": ("inboxes: [{{path: {0}/in}}, {{path: {0}/in/deeper}}]", "inside"),
    "an inbox around an inbox": ("inboxes: [{{path: {0}/in/deeper}}, {{path: {0}/in}}]", "come in twice"),
    "an inbox twice": ("inboxes: [{{path: {0}/in}}, {{path: {0}/in/../in}}]", ""),
    "a library in an inbox": ("library: {0}/in/out", "inside an inbox"),
    "an inbox in the library": ("inboxes: [{{path: {0}/out/in}}]", "inside the library"),
    "the inbox as library": ("library: {0}/in", ""),
    "a relative library": ("library: out", ""),
    "an option that nobody knows": ("plugins: [evil]", "plugins"),
}


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Write a config whose line of the same key is replaced."""
    for name in ("in", "in/deeper", "out", "out/in"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "a.mp4").write_bytes(FILM)

    def write(line: str) -> Path:
        lines = {**BASE, line.partition(":")[0]: line}
        path = tmp_path / "vsortd.yaml"
        path.write_text("\n".join(lines.values()).format(tmp_path) + "\n")
        return path

    return write


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_config_is_refused_with_its_line_by_every_command(
    name: str, config: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line, says = HOSTILE[name]
    path = str(config(line))
    assert ExitCode.CONFIG == main(["--config", path, "check", "--json"])
    mistakes = json.loads(capsys.readouterr().out)["mistakes"]
    keys = list(BASE)
    key = line.partition(":")[0]
    first = keys.index(key) + 1 if key in keys else len(keys) + 1
    assert {first, first + line.count("\n")} & {mistake["line"] for mistake in mistakes}, mistakes
    assert says in json.dumps(mistakes), mistakes
    for words in (["sort", str(tmp_path / "in")], ["run", "--once"], ["config", "show"]):
        assert ExitCode.CONFIG == main(["--config", path, *words]), words
        said = capsys.readouterr()
        assert path in said.err, words
        assert "Traceback" not in said.err
    assert FILM == (tmp_path / "in" / "a.mp4").read_bytes()
    assert not (tmp_path / "ran").exists()
    assert [] == [one for one in (tmp_path / "out").rglob("*") if one.is_file()]


def test_the_base_of_these_configs_is_valid(config: Callable[[str], Path]) -> None:
    assert ExitCode.OK == main(["--config", str(config("version: 2")), "check"])


def test_a_config_of_a_gigabyte_is_not_read(config: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = config("version: 2")
    os.truncate(path, 10**9)
    assert ExitCode.CONFIG == main(["--config", str(path), "check"])
    assert str(path) in capsys.readouterr().err


@pytest.mark.long
def test_thousands_of_inboxes_are_checked_in_time_and_each_that_overlaps_is_named(
    config: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every two held against each other would take minutes: the test's own limit."""
    paths = [f"/nowhere/{number}/in" for number in range(8000)]
    odd = ["/nowhere/7/in", "/nowhere/8/in/below", "/nowhere/9"]
    path = config("inboxes: [" + ", ".join(f"{{{{path: {one}}}}}" for one in [*paths, *odd]) + "]")
    assert ExitCode.CONFIG == main(["--config", str(path), "check", "--json"])
    mistakes = json.loads(capsys.readouterr().out)["mistakes"]
    assert odd == [mistake["value"] for mistake in mistakes]
    for says, mistake in zip(("inboxes[7]", "inboxes[8]", "inboxes[9]"), mistakes, strict=True):
        assert says in mistake["message"]


class Bomb:
    """What a pickle can be made to do."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_pickled_checkpoint_with_code_is_refused_by_the_command_and_not_run(
    config: Callable[[str], Path], tmp_path: Path
) -> None:
    weights, marker = tmp_path / "weights.pt", tmp_path / "ran"
    weights.write_bytes(pickle.dumps(Bomb(marker)))
    film = troubles.make_clip(tmp_path / "in" / "a.mp4").read_bytes()
    path = config(f"model: {{{{name: ViT-B-32, weights: {weights}}}}}")
    done = subprocess.run(
        [sys.executable, "-m", "vsortd", "--config", path, "run", "--once"],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert not marker.exists()
    assert ExitCode.FAILURE == done.returncode, done.stdout + done.stderr
    assert film == (tmp_path / "in" / "a.mp4").read_bytes()
    assert str(weights) in done.stderr
    assert "Traceback" not in done.stderr
