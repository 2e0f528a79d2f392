"""A rule put into the user's config: the text around it stays as it was, to the byte."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from vsortd.config.check import check_file
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.load import load_settings
from vsortd.core.resources import resource_folder
from vsortd.errors import ConfigError
from vsortd.learning.new_rule import NewRule, NoPlaceError, add_rule, new_name_problem

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "version: 2\ninboxes: [{path: /tmp/in}]   # where they come\nlibrary: /tmp/out\n"
RULES = """\
# what I sort by
rules:
  # the woods
  - name: forest
    prompts: >-
      a forest,
      # not a comment
      trees
    rules:
      - name: day
      - {name: night}   # dark

  - name: sea
    # waves
  # - name: later
# the end
"""
MORE = "none_of_these: []\n"


def _added(before: str, after: str) -> tuple[int, list[str]]:
    """Return where lines were added, and which; everything else must be as it was."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    at = next((n for n, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), len(old))
    count = len(new) - len(old)
    assert old == new[:at] + new[at + count :]
    return at, new[at : at + count]


@pytest.mark.parametrize(
    ("new", "behind", "lines"),
    [
        (NewRule("city"), "  - name: sea\n", ["  - name: city\n"]),
        (
            NewRule("dusk", "forest", ("dusk: red", "yes")),
            "      - {name: night}   # dark\n",
            ["      - name: dusk\n", "        prompts: ['dusk: red', \"yes\"]\n"],
        ),
        (NewRule("calm", "sea"), "  - name: sea\n", ["    rules:\n", "      - name: calm\n"]),
    ],
)
@pytest.mark.parametrize("tail", ["", MORE])
def test_the_rule_stands_at_the_end_of_its_list_and_nothing_else_changes(
    tmp_path: Path, new: NewRule, behind: str, lines: list[str], tail: str
) -> None:
    path = tmp_path / "config.yaml"
    before = HEAD + RULES + tail
    path.write_text(before)
    path.chmod(0o640)
    settings = add_rule(path, new)
    at, added = _added(before, path.read_text())
    assert (behind, lines) == (before.splitlines(keepends=True)[at - 1], added)
    assert check_file(path).settings == settings
    assert 0o640 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(tmp_path.iterdir())


def test_line_ends_marks_and_a_missing_last_newline_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    text = "\ufeff" + (HEAD + "rules:\n- name: sea").replace("\n", "\r\n")
    path.write_bytes(text.encode())
    add_rule(path, NewRule("Köln", prompts=("cathedral",)))
    assert (text + "\r\n- name: Köln\r\n  prompts: [cathedral]").encode() == path.read_bytes()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text(HEAD + RULES)
    path = tmp_path / "config.yaml"
    path.symlink_to(real)
    add_rule(path, NewRule("city"))
    assert path.is_symlink()
    assert "- name: city" in real.read_text()


@pytest.mark.parametrize(
    ("rules", "new"),
    [
        ("rules: [{name: sea}]\n", NewRule("city")),
        ("rules:\n  - {name: sea}\n", NewRule("calm", "sea")),
        ("rules:\n  - name: sea\n    rules: [{name: calm}]\n", NewRule("storm", "sea")),
        ("rules:\n  -\n    name: sea\n", NewRule("city")),
        ("rules:\n  - name: sea\n", NewRule("calm", "forest")),
    ],
)
def test_where_there_is_no_safe_place_the_lines_are_handed_out(tmp_path: Path, rules: str, new: NewRule) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + rules)
    with pytest.raises(NoPlaceError) as caught:
        add_rule(path, new)
    assert f"  - name: {new.name}" in caught.value.details
    assert HEAD + rules == path.read_text()


@pytest.mark.parametrize("name", ["sea", "SEA", "..", "a/b", "_Review"])
def test_a_rule_that_check_refuses_is_not_written(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + RULES)
    with pytest.raises(InvalidConfigError):
        add_rule(path, NewRule(name))
    assert HEAD + RULES == path.read_text()
    assert [path] == list(tmp_path.iterdir())


def test_a_config_that_cannot_be_written_says_what_to_paste(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be changed") as caught:
        add_rule(tmp_path / "gone.yaml", NewRule("city"))
    assert "  - name: city" in caught.value.details


@pytest.mark.parametrize("example", ["first.yaml", "deep-tree.yaml", "phone-portrait.yaml"])
def test_every_example_takes_a_rule_at_the_top_and_below_each_of_its_rules(tmp_path: Path, example: str) -> None:
    from vsortd.config.rules import build_rules

    before = (resource_folder("config") / example).read_text()
    path = tmp_path / "config.yaml"
    path.write_text(before)
    settings = check_file(path).settings
    assert settings is not None
    taken = 0
    for parent in ["", *(rule.key for rule in build_rules(settings).walk())]:
        path.write_text(before)
        try:
            after = add_rule(path, NewRule("Quite New", parent, ("something new",)))
        except NoPlaceError:
            continue
        taken += 1
        _added(before, path.read_text())
        assert build_rules(after).find(NewRule("Quite New", parent).key) is not None
    assert taken > 1


@pytest.mark.parametrize(
    ("parent", "name", "problem"),
    [
        ("", "city", ""),
        ("forest", "sea", ""),
        ("", "SEA", "there is a rule sea already"),
        ("forest", "Day", "there is a rule forest/day already"),
        ("", "", "can't be empty"),
        ("", "a/b", "can't hold /"),
        ("", "nul", "Windows reserves"),
        ("sea", "calm.", "can't end with a dot"),
        ("", "a" * 201, "longer than 200 bytes"),
        ("", "_review", "vsortd has a folder of this name itself"),
        ("sea", "_Review", ""),
        ("", "_dupes", "vsortd has a folder of this name itself"),
    ],
)
def test_a_name_that_no_new_rule_can_have_is_told_before_it_is_written(
    tmp_path: Path, parent: str, name: str, problem: str
) -> None:
    """What it says no to, the config's check says no to as well, and the other way round."""
    path = tmp_path / "config.yaml"
    path.write_text(HEAD + RULES + "place: {on_duplicate: {to: _Dupes}}\n")
    told = new_name_problem(load_settings(path), parent, name)
    assert problem in told
    assert bool(problem) == bool(told)
    if told:
        with pytest.raises(ConfigError):
            add_rule(path, NewRule(name, parent))
    else:
        add_rule(path, NewRule(name, parent))
