"""How the page says things, and that it holds nothing that it never says."""

from __future__ import annotations

import re
from importlib import resources

from vsortd.filing import history_query
from vsortd.web import wording
from vsortd.web.views import history

WEB = resources.files("vsortd.web")


def test_every_state_of_the_history_has_a_badge_and_can_be_chosen() -> None:
    assert set(history_query._STATES) == set(wording._STATES) == set(history._STATES)
    assert 'class="state state-aside"' in wording.state("aside")


def test_every_filter_is_used_by_a_template() -> None:
    templates = "".join(one.read_text() for one in (WEB / "templates").iterdir())
    assert set(wording.FILTERS) <= set(re.findall(r"\| ?(\w+)", templates))


def test_every_template_is_named_somewhere() -> None:
    views = [one for folder in (WEB, WEB / "views") for one in folder.iterdir() if one.name.endswith(".py")]
    texts = {one.name: one.read_text() for one in (*views, *(WEB / "templates").iterdir())}
    for template in (WEB / "templates").iterdir():
        assert any(f'"{template.name}"' in text for name, text in texts.items() if name != template.name), template.name
