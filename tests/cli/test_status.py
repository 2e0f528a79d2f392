"""What `status` says of the model."""

from __future__ import annotations

import pytest

from vsortd.cli.status import model_line
from vsortd.core.documents import status_document

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
