"""Tests of many dear cases: the short form of the suite runs some of each, the long form all."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence


def leave_few(items: Sequence[pytest.Item]) -> None:
    """Mark as `long` what `@pytest.mark.few(n)` leaves out: of the cases of such a test all but `n`, spread evenly.

    Cases that are `long` by themselves don't count. One that is asked for alone is the only one there, and runs.
    """
    cases: defaultdict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if item.get_closest_marker("few") and not item.get_closest_marker("long"):
            cases[item.nodeid.partition("[")[0]].append(item)
    for together in cases.values():
        mark = together[0].get_closest_marker("few")
        assert mark is not None
        (wanted,) = mark.args
        chosen = {number * len(together) // wanted for number in range(wanted)}
        for number, item in enumerate(together):
            if number not in chosen:
                item.add_marker(pytest.mark.long)
