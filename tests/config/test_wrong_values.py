"""Each wrong value of each option is reported once: line, dotted path, what is allowed, the nearest word."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.config import wrong_values
from tests.config.wrong_values import BASE, Case
from tests.config.wrong_values_after import AFTER_CASES
from tests.config.wrong_values_of_rules import RULE_CASES
from vsortd.__main__ import main
from vsortd.config.check import check_file
from vsortd.config.diagnostics import InvalidConfigError
from vsortd.config.error_messages import keys_of
from vsortd.config.load import load_settings
from vsortd.config.settings import Settings
from vsortd.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsortd.config.diagnostics import Mistake

CASES = [*wrong_values.CASES, *RULE_CASES, *AFTER_CASES]


def _config(text: str) -> str:
    """Put a case's text into the base config."""
    key = text.partition(":")[0]
    lines = dict(BASE)
    lines[key] = text
    return "\n".join(lines.values()) + "\n"


def _mistakes(folder: Path, text: str) -> tuple[Mistake, ...]:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidConfigError) as caught:
        load_settings(path)
    assert all(f"{path}:{mistake.line}: {mistake.path}" in str(caught.value) for mistake in caught.value.mistakes)
    return caught.value.mistakes


def test_the_base_of_all_cases_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(BASE.values()), encoding="utf-8")
    assert load_settings(path).rules[0].name == "a"


@pytest.mark.parametrize("case", CASES, ids=[case.text.replace("\n", " ")[:60] for case in CASES])
def test_a_wrong_value_is_reported_once_with_its_place(tmp_path: Path, case: Case) -> None:
    mistakes = _mistakes(tmp_path, _config(case.text))
    assert [(case.line, case.path)] == [(mistake.line, mistake.path) for mistake in mistakes]
    (mistake,) = mistakes
    assert case.says in f"{mistake.message} | {mistake.allowed}"
    assert not re.search(r"<word>|Input|should be|pydantic", mistake.message), "the library's own words"
    assert not mistake.nearest or mistake.nearest != mistake.value
    assert case.nearest == mistake.nearest
    if case.value is not ...:
        assert case.value == mistake.value
        assert type(case.value) is type(mistake.value)


def _paths(model: type, prefix: str = "", depth: int = 0) -> Iterator[str]:
    """Yield every option of the config; of the recursive rules one level of children."""
    for key, option in keys_of(model).items():
        path = f"{prefix}{key}"
        yield path
        item, free = option.item(), option.free_keys()
        if inner := option.model():
            yield from _paths(inner, f"{path}.", depth)
        elif free and (inner := free.value.model()):
            yield from _paths(inner, f"{path}.mood.", depth)
        elif item and (inner := item.model()) and not (inner is model and depth):
            yield from _paths(inner, f"{path}[0].", depth + (inner is model))


def test_every_option_has_a_wrong_value_in_the_table() -> None:
    tried = {re.sub(r"\[[0-9]\]", "[0]", case.path) for case in CASES}
    options = [path for path in _paths(Settings) if not path.startswith("rules[0].rules[0]")]
    assert len(options) > 40
    assert [path for path in options if path not in tried and f"{path}[0]" not in tried] == []


@pytest.mark.parametrize("key", ["inboxes", "library", "rules"])
def test_a_required_key_that_is_missing_is_named(tmp_path: Path, key: str) -> None:
    mistakes = _mistakes(tmp_path, "\n".join(line for name, line in BASE.items() if name != key))
    assert [(1, key, "this key is missing")] == [(one.line, one.path, one.message) for one in mistakes]


def test_all_mistakes_come_in_one_report_in_the_order_of_the_file(tmp_path: Path) -> None:
    wrong = [
        "version: 0",
        "inboxes:",
        "  - path: in",
        "    setle: 2s",
        "    watch: &anchor poll",
        "  - {path: /b}",
        "  - {path: /b/c, rescan: 1h}",
        "library: /b/lib",
        "library: /elsewhere",
        "model: {name: x}",
        "place: {review: sea, name: '{nope}'}",
        "rules:",
        "  - name: sea",
        "    rules:",
        "      - {name: on}",
        "      - {name: ok, min_score: 9}",
        "  - name: SEA",
        "  - 7",
    ]
    expected = [
        (1, "version"),
        (3, "inboxes[0].path"),
        (4, "inboxes[0].setle"),
        (5, "inboxes[0].watch"),
        (7, "inboxes[2].path"),
        (7, "inboxes[2].rescan"),
        (8, "library"),
        (9, "library"),
        (10, "model.weights"),
        (11, "place.name"),
        (11, "place.review"),
        (15, "rules[0].rules[0].name"),
        (16, "rules[0].rules[1].min_score"),
        (17, "rules[1].name"),
        (18, "rules[2]"),
    ]
    mistakes = _mistakes(tmp_path, "\n".join(wrong))
    lines = [mistake.line for mistake in mistakes]
    assert sorted(lines) == lines
    assert expected == sorted((mistake.line, mistake.path) for mistake in mistakes)


def test_the_report_can_not_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mistake,) = _mistakes(tmp_path, _config('model: "\\e[2J\\u202esample"'))
    assert "\x1b[2J\u202esample" == mistake.value
    assert ExitCode.CONFIG == main(["--config", str(tmp_path / "config.yaml"), "check"])
    said = capsys.readouterr().err
    assert "\\x1b[2J\\u202esample" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_inboxes_through_a_symlink_are_one_folder(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    mistakes = _mistakes(tmp_path, _config(f"inboxes: [{{path: {real}}}, {{path: {link}}}]"))
    assert [mistake.path for mistake in mistakes] == ["inboxes[1].path"]


def test_an_inbox_may_lie_in_one_that_is_not_recursive(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(_config("inboxes: [{path: /in, recursive: no}, {path: /in/b}]"), encoding="utf-8")
    assert [inbox.recursive for inbox in load_settings(path).inboxes] == [False, True]


def test_a_check_without_mistakes_holds_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(_config("model: sample"), encoding="utf-8")
    report = check_file(path)
    assert report.mistakes == ()
    assert report.settings is not None
    assert report.settings.model == "sample"
