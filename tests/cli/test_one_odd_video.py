"""A defect that shows with one video, within the commands that go over many: the others have their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support import harness, troubles
from vsortd.evaluation import case_sampling
from vsortd.library.duplicates import find
from vsortd.library.indexing import embed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def home(tmp_path: Path) -> harness.Here:
    one = harness.Here.make(tmp_path / "home", more=troubles.QUICK, rules=troubles.ONE_RULE)
    (one.folder / "labelled" / "kept").mkdir(parents=True)
    for number, name in enumerate(("a", "odd", "c")):
        troubles.make_clip(one.folder / "labelled" / "kept" / f"{name}.mp4", number=number)
    return one


def _odd(asked: Any) -> Any:
    def ask(*what: Any, **more: Any) -> Any:
        if "odd.mp4" in repr((what, more)):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return asked(*what, **more)

    return ask


def test_duplicates_index_and_eval_leave_it_out_and_say_so(home: harness.Here, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home.folder / "labelled"
    with monkeypatch.context() as patch:
        patch.setattr(embed, "walk", _odd(embed.walk))
        found = home.json("index", folder, code=3)
        assert ["failed", "indexed", "indexed"] == sorted(one["state"] for one in found["items"])
    home.json("index", folder)
    with monkeypatch.context() as patch:
        patch.setattr(find, "sketch_of", _odd(find.sketch_of))
        found = home.json("duplicates", folder, code=3)
    assert (2, ["odd.mp4"]) == (found["videos"], [one["path"].rpartition("/")[2] for one in found["failed"]])
    assert "OverflowError" in found["failed"][0]["reason"]
    with monkeypatch.context() as patch:
        patch.setattr(case_sampling, "carry", _odd(case_sampling.carry))
        found = home.json("eval", folder, code=3)
    assert 2 == found["n"]
