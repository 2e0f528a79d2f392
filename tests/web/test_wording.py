"""How the page says things."""

from __future__ import annotations

from vsortd.filing import history_query
from vsortd.web import wording
from vsortd.web.views import history


def test_every_state_of_the_history_has_a_badge_and_can_be_chosen() -> None:
    assert set(history_query._STATES) == set(wording._STATES) == set(history._STATES)
    assert 'class="state state-aside"' in wording.state("aside")
