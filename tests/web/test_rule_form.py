"""The fields of a rule, and the previews that are kept: what was changed is taken in, what is outdated called off."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from vsortd.config.settings import Settings
from vsortd.config.yaml_lines import Node, read_bytes
from vsortd.errors import Cancelled, UsageError
from vsortd.pipeline.rules_preview import RulesPreview
from vsortd.web.page import Posted
from vsortd.web.rule_form import RuleForm, changed_options, rule_at
from vsortd.web.rule_previews import RulePreviews

if TYPE_CHECKING:
    from vsortd.web.host import PageHost

TEXT = """
rules:
  - name: sea
    prompts: waves
    min_score: 0.40
    when: {duration: "> 1min"}
    sound: [surf]
    after: none
"""


def _rule(text: str = TEXT) -> Node:
    found = rule_at(read_bytes(text.encode()).root, (0,))
    assert found is not None
    return found


def _changed(text: str = TEXT, **fields: str) -> dict[str, object]:
    form = RuleForm.of(_rule())
    sent = {f"rule-{name}": fields.get(name, value) for name, value in form.fields.items()}
    return changed_options(_rule(text), Posted((("was", form.shown), *sent.items())))


def test_what_is_shown_and_sent_back_changes_nothing() -> None:
    assert {} == _changed()
    assert {} == _changed(prompts="waves\r\n")


def test_a_field_that_nobody_touched_leaves_what_the_yaml_says_by_now() -> None:
    assert {} == _changed(TEXT.replace("waves", "billows"))


def test_each_kind_of_field() -> None:
    assert {"prompts": ["waves", "a beach"]} == _changed(prompts="waves\n\n  a beach \n")
    assert {"prompts": None} == _changed(prompts="")
    assert {"min_score": 0.5} == _changed(min_score="0.5")
    assert {"min_score": "half"} == _changed(min_score="half")
    assert {"min_score": None} == _changed(min_score=" ")
    assert {"when": None, "contains": {"prompts": ["a dog"]}} == _changed(when="", contains="{prompts: [a dog]}")
    assert {"sound": ["surf", "gulls"], "after": None} == _changed(more="sound: [surf, gulls]")


@pytest.mark.parametrize("fields", [{"when": "{"}, {"more": "- a"}, {"more": "rules: []"}, {"more": "name: x"}])
def test_what_can_not_be_an_option_is_said(fields: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        _changed(**fields)


class _WaitingHost:
    """A daemon that has so much filed that it ends no preview before it is called off, but the last."""

    def __init__(self) -> None:
        self.begun = threading.Event()

    def preview_rules(self, settings: Settings, cancel: threading.Event) -> RulesPreview:
        if settings.model == "sample":
            return RulesPreview(())
        self.begun.set()
        assert cancel.wait(30)
        raise Cancelled


def test_a_preview_ends_when_the_next_is_asked_for_by_the_same_browser_alone(tmp_path: Any) -> None:
    previews, host = RulePreviews(), _WaitingHost()
    ended: list[BaseException] = []

    def slow() -> None:
        try:
            previews.make(b"one", cast("PageHost", host), _settings(tmp_path, "auto"))
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=slow)
    thread.start()
    assert host.begun.wait(30)
    other = previews.make(b"another", cast("PageHost", host), _settings(tmp_path, "sample"))
    assert thread.is_alive()
    made = previews.make(b"one", cast("PageHost", host), _settings(tmp_path, "sample"))
    thread.join(30)
    assert 1 == len(ended)
    assert made is previews.get(b"one", made.id)
    for session, named in ((b"one", other.id), (b"nobody", made.id), (b"one", "")):
        with pytest.raises(UsageError):
            previews.get(session, named)


def _settings(folder: Any, model: str) -> Settings:
    return Settings.model_validate(
        {"version": 2, "inboxes": [{"path": str(folder / "in")}], "library": str(folder / "out"), "model": model}
        | {"rules": [{"name": "sea"}]}
    )
