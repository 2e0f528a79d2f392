"""What is said of videos that the daemon filed in place of a command."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from vsortd.cli.daemon_filing import as_the_daemon_filed
from vsortd.cli.outcome_view import print_way_back, say_interrupted
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.pipeline.batch import AT_WORK, SortOutcome
from vsortd.service import client

if TYPE_CHECKING:
    import pytest


def _outcome(**more: Any) -> SortOutcome:
    facts: dict[str, Any] = {
        "id": None, "batch": "mine", "time": "2026-11-20T18:30:00.250Z", "state": ItemState.FILED, "destination": "",
        "source": "/in/a.mp4", "rule": "", "score": 0.0, "margin": 0.0, "converted": ConversionKind.NONE, "reason": "",
    }  # fmt: skip
    return SortOutcome(**{**facts, **more})


def test_how_it_got_into_the_library_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    item = _outcome(id=7, batch="daemons", how="hardlink", destination="/lib/a.mp4").to_json()
    monkeypatch.setattr(client.Client, "history", lambda *_, **__: [item])
    (found,) = as_the_daemon_filed([_outcome(reason=AT_WORK, state=ItemState.FAILED)], threading.Event())
    assert (7, "daemons", "hardlink") == (found.id, found.batch, found.how)


def test_each_batch_is_named_that_something_was_filed_in(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [
        _outcome(batch="refused", state=ItemState.FAILED),
        _outcome(id=1),
        _outcome(id=2, batch="daemons", state=ItemState.REVIEW),
        _outcome(id=3),
    ]
    print_way_back(outcomes, dry_run=False)
    say_interrupted(outcomes, dry_run=False)
    shown = capsys.readouterr()
    for said in (shown.out, shown.err):
        assert "vsortd undo --batch mine; vsortd undo --batch daemons" in " ".join(said.split())
        assert "refused" not in said
    print_way_back(outcomes[:1], dry_run=False)
    assert not capsys.readouterr().out
