"""Files of every container that are copied in while a real daemon watches: each is filed when it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import harness
from tests.support.containers import KINDS, write_video

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    made = harness.Home.make(
        tmp_path / "home",
        rules="rules:\n  - {name: all, when: {file_name: '*'}}\n",
        inbox="settle: 0.2s, incomplete_after: 2s, extensions: all",
    )
    yield made
    if made.daemon is not None:
        made.daemon.kill()
        made.daemon.wait()


@pytest.mark.long
def test_a_copy_that_stands_still_is_reported_and_filed_when_it_is_whole(home: harness.Home, tmp_path: Path) -> None:
    given = {f"film.{kind}": write_video(tmp_path / f"film.{kind}", frames=40).read_bytes() for kind in KINDS}
    home.start()
    for name, data in given.items():
        (home.inbox / name).write_bytes(data[: len(data) // 2 + 1])

    def told() -> set[str]:
        return {Path(item["source"]).name for item in home.items() if item["state"] == "failed"}

    home.wait(lambda: told() == set(given), what="half copies are told of")
    assert not list(home.library.glob("all/*"))
    for name, data in given.items():
        with (home.inbox / name).open("ab") as file:
            file.write(data[len(data) // 2 + 1 :])
    home.wait(lambda: len(list(home.library.glob("all/*"))) == len(given), what="whole copies are filed")
    assert given == {path.name: path.read_bytes() for path in home.library.glob("all/*")}
    home.run("undo", "--all")
    assert given == {path.name: path.read_bytes() for path in home.inbox.iterdir()}
    assert 0 == home.stop()
