"""What happens after videos, as the config says it: what is odd about it, and what is never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema
import pytest

from tests.support import harness
from vsortd.config.check import check_file
from vsortd.config.dump import config_schema, plain_settings
from vsortd.config.load import load_settings
from vsortd.config.rules import build_rules
from vsortd.config.warnings import warnings_of

if TYPE_CHECKING:
    from pathlib import Path

BASE = "version: 2\ninboxes: [{path: /in}]\nlibrary: /out\nrules: [{name: a}]\n"


def _warnings(folder: Path, text: str) -> list[tuple[str, object, str]]:
    config = folder / "config.yaml"
    config.write_text(BASE + text, encoding="utf-8")
    found = warnings_of(check_file(config), lambda _: ())
    return [(one.path, one.value, one.message) for one in found if one.path.startswith(("after", "notify"))]


def test_a_program_that_can_not_be_run_here_is_warned_of(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("#!/bin/sh\n")
    for program, why in (
        ("no-such-program-xyz", "there is no such program on this account's PATH"),
        (str(tmp_path / "absent"), "there is no such file"),
        (str(plain), "this file is not executable: chmod +x makes it so"),
    ):
        assert [("after.run[0]", program, why)] == _warnings(tmp_path, f"after: {{run: ['{program}', x]}}")
    plain.chmod(0o700)
    assert [] == _warnings(tmp_path, f"after: {{run: ['{plain}', x]}}")


@pytest.mark.parametrize(
    ("words", "odd"),
    [
        ("'{name}'", True),
        ("x, '{stem}.txt'", True),
        ("--, '{name}'", False),
        ("'name={name}'", False),
        ("'{path}'", False),
    ],
)
def test_a_name_that_may_be_taken_for_an_option_is_warned_of(tmp_path: Path, words: str, *, odd: bool) -> None:
    found = _warnings(tmp_path, f"after: {{run: [python3, {words}]}}")
    assert odd == any("may begin with -" in message for _, _, message in found)


def test_what_leaves_the_machine_is_said(tmp_path: Path) -> None:
    found = _warnings(tmp_path, "after: {post: 'https://8.8.8.8/x', anywhere: true}")
    assert [("after.anywhere", True)] == [(path, value) for path, value, _ in found]
    assert "names and folders of your videos may leave this machine: they are sent to 8.8.8.8" == found[0][2]


def test_an_address_that_apprise_does_not_know_is_warned_of_without_it(tmp_path: Path) -> None:
    found = _warnings(tmp_path, "notify: {urls: ['nfty://secret-topic', 'ntfy://secret-topic']}")
    assert [("notify.urls[0]", "nfty://…")] == [(path, value) for path, value, _ in found]


def test_an_address_of_apprise_is_shown_nowhere(tmp_path: Path) -> None:
    home = harness.Here(harness.Home.make(tmp_path / "home", more="notify: {urls: 'ntfy://secret-topic'}\n").folder)
    for words in (("config", "show"), ("config", "show", "--json"), ("check",), ("check", "--json")):
        assert "secret-topic" not in home.run(*words).stdout
    home.config.write_text(home.config.read_text().replace("ntfy://secret", "secret"))
    said = home.run("check", code=10)
    assert "(not shown)" in said.stderr
    assert "secret-topic" not in said.stdout + said.stderr


def test_what_is_shown_of_it_is_a_config_again(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    text = """after: {run: [tell, "{path} {{}}"], states: [filed, failed], time_limit: 90s}
rules: [{name: a, after: none}, {name: b, after: {post: 'http://[::1]:8/x/', batch: true, key_env: K}}]
"""
    config.write_text(BASE.replace("rules: [{name: a}]\n", "") + text, encoding="utf-8")
    settings = load_settings(config)
    plain = plain_settings(settings)
    jsonschema.validate(plain, config_schema())
    shown = {key: plain["after"][key] for key in ("run", "states", "time_limit")}
    assert {"run": ["tell", "{path} {{}}"], "states": ["filed", "failed"], "time_limit": "90s"} == shown
    assert "none" == plain["rules"][0]["after"]
    assert hash(settings) == hash(load_settings(config))
    tree = build_rules(settings)
    assert tree.after_of("a") is None
    assert tree.after_of("b") is not None
    assert tree.after_of("gone") == tree.after_of("") == settings.after
