"""A config of a former version works on and is brought to the present one as it was written; a newer is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from loguru import logger

from tests.support.format_files import FORMATS
from vsortd.__main__ import main
from vsortd.config.check import check_bytes, check_file
from vsortd.config.former_versions import PRESENT, taken_over, with_version
from vsortd.config.load import load_settings
from vsortd.config.warnings import warnings_of
from vsortd.config.yaml_lines import read_text
from vsortd.core.system import atomic_file
from vsortd.errors import ConfigError, ExitCode
from vsortd.service.config_reader import ConfigReader
from vsortd.setup.config_files import ConfigChangedError
from vsortd.setup.config_migration import ConfigMigration
from vsortd.web.rule_draft import RuleDraft

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = (FORMATS / "config-1.yaml").read_bytes()
MIGRATED = (FORMATS / "config-1.migrated.yaml").read_bytes()
SAID = [
    "line 10: workers.timeout is now workers.time_limit",
    "line 13: web.pictures is now web.cache",
    "line 15: log.size is now log.max_size",
    "line 20: tags[0].contains.level is now tags[0].contains.min_score",
    "line 20: tags[0].contains.min_seconds is now tags[0].contains.min_duration",
    "line 24: tags[1].contains.min is now tags[1].contains.min_count",
    "line 32: rules[0].contains.min_seconds is now rules[0].contains.min_duration",
    "line 35: rules[0].rules[0].contains.level is now rules[0].rules[0].contains.min_score",
]
BASE = "inboxes: [{path: /in}]\nlibrary: /out\nrules: [{name: a}]\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSORTD_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "config.yaml"
    path.write_bytes(FIRST)
    return path


@pytest.fixture
def logged() -> Iterator[list[str]]:
    messages: list[str] = []
    number = logger.add(lambda message: messages.append(message.record["message"]), level="INFO")
    yield messages
    logger.remove(number)


def test_a_config_of_the_first_version_means_what_it_meant(config: Path) -> None:
    settings = load_settings(config)
    assert 90.0 == settings.workers.time_limit_s
    assert settings.web != "off"
    assert (5 * 10**9, 20 * 10**6) == (settings.web.cache_bytes, settings.log.max_size_bytes)
    wine, company = (tag.contains for tag in settings.tags)
    assert wine is not None
    assert company is not None
    assert (0.6, 2.0, 2) == (wine.min_score, wine.min_duration_s, company.min_count)
    wedding, child = settings.rules[0], settings.rules[0].rules[0]
    assert wedding.contains is not None
    assert child.contains is not None
    assert (3.0, 0.7) == (wedding.contains.min_duration_s, child.contains.min_score)


def test_check_warns_and_names_the_command(config: Path) -> None:
    (said,) = [one for one in warnings_of(check_file(config), lambda _: ()) if one.path == "version"]
    assert (2, 1) == (said.line, said.value)
    assert "8 options in it have another name now" in said.message
    assert "vsortd config migrate" in said.allowed


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_migrate_keeps_comments_order_form_and_columns(
    config: Path, capsys: pytest.CaptureFixture[str], mark: bytes, end: bytes
) -> None:
    before, after = (mark + text.replace(b"\n", end) for text in (FIRST, MIGRATED))
    config.write_bytes(before)
    config.chmod(0o640)
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate"])
    assert after == config.read_bytes()
    assert 0o640 == config.stat().st_mode & 0o777
    kept = config.with_name("config.yaml.v1")
    assert before == kept.read_bytes()
    said = capsys.readouterr().out
    assert SAID == [line for line in said.splitlines() if line.startswith("line ")]
    assert str(kept) in said
    assert load_settings(config) == check_bytes(config, before).settings
    assert not [one for one in warnings_of(check_file(config), lambda _: ()) if one.path == "version"]


def test_a_second_time_there_is_nothing_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--config", str(config), "config", "migrate"])
    there = sorted(config.parent.glob("config*"))
    capsys.readouterr()
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate"])
    assert "nothing to do" in capsys.readouterr().out
    assert MIGRATED == config.read_bytes()
    assert there == sorted(config.parent.glob("config*"))


def test_dry_run_shows_a_diff_and_writes_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate", "--dry-run"])
    said = capsys.readouterr().out
    assert "-  timeout: 90s                # long ones from the camcorder" in said
    assert "+  time_limit: 90s             # long ones from the camcorder" in said
    assert FIRST == config.read_bytes()
    assert [config] == list(config.parent.glob("config*"))


def test_as_json_it_says_what_changed_and_where_the_former_file_lies(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (1, 2, True, str(config) + ".v1") == (told["former"], told["version"], told["changed"], told["kept"])
    assert {"line": 10, "from": "workers.timeout", "to": "workers.time_limit"} in told["changes"]


def test_a_file_that_is_there_is_never_replaced(config: Path) -> None:
    other = config.with_name("config.yaml.v1")
    other.write_text("mine")
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate"])
    assert "mine" == other.read_text()
    assert FIRST == config.with_name("config.yaml.v1.2").read_bytes()


def test_a_link_stays_and_what_it_leads_to_is_changed(config: Path) -> None:
    link = config.with_name("link.yaml")
    link.symlink_to(config)
    assert ExitCode.OK == main(["--config", str(link), "config", "migrate"])
    assert link.is_symlink()
    assert MIGRATED == config.read_bytes()


def test_one_with_mistakes_is_not_changed_and_they_have_its_lines_and_words(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = FIRST.replace(b"timeout: 90s", b"timeout: 1ms").replace(b"min: 2", b"min: none")
    config.write_bytes(wrong)
    assert ExitCode.CONFIG == main(["--config", str(config), "config", "migrate"])
    said = capsys.readouterr().err
    assert f"{config}:10: workers.timeout" in said
    assert f"{config}:24: tags[1].contains.min:" in said
    assert wrong == config.read_bytes()
    assert [config] == list(config.parent.glob("config*"))


def test_a_newer_version_is_one_clear_mistake(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"# mine\nversion: {PRESENT + 1}\nworkers: {{brand_new: 1}}\n{BASE}"
    config.write_text(text)
    for command in (["check"], ["config", "migrate"], ["run"]):
        assert ExitCode.CONFIG == main(["--config", str(config), *command])
        said = capsys.readouterr().err
        assert f"{config}:2: version" in said
        assert "too old" in said
        assert "update vsortd" in said
        assert "brand_new" not in said
    assert text == config.read_text()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_without_a_version_former_names_are_read_and_migrate_says_the_version(config: Path, end: str) -> None:
    text = "# mine\n" + BASE + "workers: {timeout: 5s}   # quick\n"
    config.write_bytes(text.replace("\n", end).encode())
    assert 5.0 == load_settings(config).workers.time_limit_s
    (said,) = [one for one in warnings_of(check_file(config), lambda _: ()) if one.path == "version"]
    assert "does not say its version, and 1 option in it has another name now" in said.message
    assert ExitCode.OK == main(["--config", str(config), "config", "migrate"])
    after = "# mine\nversion: 2\n" + BASE + "workers: {time_limit: 5s}   # quick\n"
    assert after.replace("\n", end).encode() == config.read_bytes()


def test_without_a_version_and_in_present_words_there_is_nothing_to_take_over() -> None:
    assert taken_over(read_text(BASE + "workers: {time_limit: 5s}\n")) is None
    assert f"{{version: 2, library: /out, {'rules: [{name: a}]'}}}\n" == with_version(
        "{library: /out, rules: [{name: a}]}\n"
    )


def test_an_option_under_both_names_is_told_by_its_former_one() -> None:
    report = check_bytes(Path("c.yaml"), f"version: 1\n{BASE}workers: {{timeout: 5s, time_limit: 6s}}\n".encode())
    (mistake,) = report.mistakes
    assert ("workers.timeout", 5, "time_limit") == (mistake.path, mistake.line, mistake.nearest)


def test_a_former_name_in_a_present_file_is_told_with_the_present_one() -> None:
    tags = "tags: [{name: t, contains: {prompts: x, level: 0.5, min_seconds: 1s}}]\n"
    text = f"{tags}log: {{size: 1MB}}\nweb: {{pictures: 1GB}}\n"
    report = check_bytes(Path("c.yaml"), f"version: 2\n{BASE}{text}".encode())
    assert ["min_score", "min_duration", "max_size", "cache"] == [one.nearest for one in report.mistakes]


def test_a_form_without_a_safe_place_for_the_version_is_left_as_it_is(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "? inboxes\n: [{path: /in}]\nlibrary: /out\nrules: [{name: a}]\nworkers: {timeout: 5s}\n"
    config.write_text(text)
    assert ExitCode.CONFIG == main(["--config", str(config), "config", "migrate"])
    said = capsys.readouterr().err
    assert "line 5: workers.timeout is now workers.time_limit" in said
    assert "version: 2" in said
    assert text == config.read_text()


def test_somebody_else_s_change_meanwhile_is_not_written_over(config: Path) -> None:
    found = ConfigMigration.of(config)
    config.write_bytes(FIRST + b"# more\n")
    with pytest.raises(ConfigChangedError):
        found.write()
    assert FIRST + b"# more\n" == config.read_bytes()


def test_a_disk_that_fails_leaves_the_file_as_it_was(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """First where the former file is to be kept, then where the new one is to be written."""
    found = ConfigMigration.of(config)
    for fails_at in (1, 2):
        calls = 0

        def sync(descriptor: int, fails_at: int = fails_at) -> None:  # noqa: ARG001 - its form
            nonlocal calls
            calls += 1
            if calls == fails_at:
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(atomic_file, "sync", sync)
        with pytest.raises(ConfigError, match="It is as it was"):
            found.write()
        assert FIRST == config.read_bytes()
        assert not list(config.parent.glob(".*"))


def test_the_daemon_s_log_says_that_it_is_former_and_later_what_was_changed(config: Path, logged: list[str]) -> None:
    reader = ConfigReader(config)
    settings = reader.read()
    (warning,) = logged
    assert "vsortd config migrate" in warning
    ConfigMigration.of(config).write()
    assert settings == reader.read()
    _, said = logged
    assert f"{config} was brought from version 1 to {PRESENT}" in said
    assert said.endswith("; ".join(SAID))
    reader.read()
    assert 2 == len(logged)


def test_the_page_edits_the_rules_in_the_present_words(config: Path) -> None:
    draft = RuleDraft.of_key(config, FIRST.decode(), "weddings")
    assert MIGRATED.decode() == draft.edited.text
    assert () == tuple(draft.edited.mistakes)
