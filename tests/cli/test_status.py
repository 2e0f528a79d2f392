"""What `status` says of the model, and when `--check` is content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vsortd.cli.status import can_work, model_line
from vsortd.core.documents import status_document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.core.documents import InboxDocument

SAMPLE = {"name": "sample", "weights": ""}
PE_CORE = {"name": "PE-Core-B-16", "weights": "meta"}


@pytest.mark.parametrize(
    ("model", "loading", "queued", "line"),
    [
        ({}, False, 0, ""),
        (SAMPLE, True, 0, "sample, loading"),
        (SAMPLE, True, 1, "sample, loading; 1 video waits for it"),
        (PE_CORE, True, 1200, "PE-Core-B-16 / meta, loading; 1,200 videos wait for it"),
        ({**PE_CORE, "device": "cpu"}, False, 2, "PE-Core-B-16 / meta on cpu"),
        (SAMPLE, False, 0, "sample, not loaded; the next video has it loaded"),
        ({**SAMPLE, "reason": "no weights"}, False, 3, "sample, not loaded"),
    ],
)
def test_status_tells_whether_the_model_is_there(
    model: dict[str, str], *, loading: bool, queued: int, line: str
) -> None:
    assert line == model_line(status_document("running", model=model, loading=loading, queued=queued))


@pytest.mark.parametrize(
    ("inboxes", "works"),
    [
        ((), True),
        (("ok", "missing"), True),
        (("missing", "missing"), False),
        (("locked", "missing", "taken"), False),
        (("locked", "degraded"), True),
    ],
)
def test_check_asks_whether_any_inbox_can_be_worked_in(inboxes: Sequence[str], *, works: bool) -> None:
    """A folder that raises no events, or a subfolder that can't be read, is a handicap: the others are sorted."""
    healths = {"locked": "degraded"}  # nothing can be moved out of it
    told = [inbox(healths.get(one, one), waits=one not in {"ok", "degraded"}) for one in inboxes]
    assert works is can_work(status_document("running", inboxes=told))


def test_a_daemon_of_before_an_update_tells_only_which_are_missing() -> None:
    told = inbox("missing", waits=True)
    del told["waits"]  # type: ignore[misc]
    assert not can_work(status_document("running", inboxes=[told]))


def inbox(health: str, *, waits: bool) -> InboxDocument:
    return {
        "path": "/in", "health": health, "reason": "", "waits": waits, "paused": False, "extensions": [],
        "left_alone": {},
    }  # fmt: skip
