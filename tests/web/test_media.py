"""The videos themselves over HTTP: ranges, what a browser has already, and what is never handed out."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.browser import CLIPS
from vsortd.web.byte_ranges import UnsatisfiableError, asked_part

if TYPE_CHECKING:
    from tests.support.browser import PageHome

pytestmark = pytest.mark.timeout(240)  # a daemon and a model for the first of them


def filed(home: PageHome, name: str) -> tuple[int, Path]:
    """Return the number and the place of a clip."""
    item = next(one for one in home.home.items() if one["source"].endswith(f"/{name}"))
    return item["id"], home.home.library / item["destination"]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-9", range(10)),
        ("bytes=5-", range(5, 100)),
        ("bytes=90-500", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-500", range(100)),
        ("bytes = 0 - 0", range(1)),
        ("", None),
        ("bytes=9-5", None),
        ("bytes=0-1,5-6", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("seconds=0-9", None),
        ("bytes=\u0661-\u0662", None),
    ],
)
def test_what_part_is_asked_for(asked: str, part: range | None) -> None:
    assert part == asked_part({"range": asked}, 100, '"x"')


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=-0", f"bytes={'9' * 19}-"])
def test_a_part_behind_the_end_is_refused(asked: str) -> None:
    with pytest.raises(UnsatisfiableError):
        asked_part({"range": asked}, 100, '"x"')


def test_a_part_of_another_file_is_all_of_this_one() -> None:
    assert range(5) == asked_part({"range": "bytes=0-4", "if-range": '"x"'}, 100, '"x"')
    assert None is asked_part({"range": "bytes=0-4", "if-range": '"y"'}, 100, '"x"')
    assert None is asked_part({"range": "bytes=0-4", "if-range": "Mon, 30 Nov 2026 15:00:00 GMT"}, 100, '"x"')


def test_a_video_comes_whole_and_in_parts(home: PageHome) -> None:
    number, _ = filed(home, "summit.mp4")
    content = (CLIPS / "summit.mp4").read_bytes()
    whole = home.ask(f"/media/{number}")
    assert (200, content) == (whole.status, whole.body)
    assert "video/mp4" == whole.headers["content-type"]
    assert ("bytes", "nosniff") == (whole.headers["accept-ranges"], whole.headers["x-content-type-options"])
    part = home.ask(f"/media/{number}", range="bytes=1000-1999")
    assert (206, content[1000:2000]) == (part.status, part.body)
    assert f"bytes 1000-1999/{len(content)}" == part.headers["content-range"]
    end = home.ask(f"/media/{number}", range="bytes=-100", if_range=whole.headers["etag"])
    assert (206, content[-100:]) == (end.status, end.body)
    changed = home.ask(f"/media/{number}", range="bytes=0-9", if_range='"another"')
    assert (200, content) == (changed.status, changed.body)


def test_only_the_head_or_nothing_new(home: PageHome) -> None:
    number, _ = filed(home, "summit.mp4")
    head = home.ask(f"/media/{number}", "HEAD")
    assert (200, b"") == (head.status, head.body)
    assert str((CLIPS / "summit.mp4").stat().st_size) == head.headers["content-length"]
    same = home.ask(f"/media/{number}", if_none_match=head.headers["etag"])
    assert (304, b"") == (same.status, same.body)
    behind = home.ask(f"/media/{number}", range="bytes=99999999-")
    assert (416, b"") == (behind.status, behind.body)
    assert f"bytes */{head.headers['content-length']}" == behind.headers["content-range"]


@pytest.mark.parametrize(
    "number", ["0", "999999", "-1", "1e3", "..%2f..%2fetc%2fpasswd", "%00", "9" * 40, "1.mp4", "\u00b2"]
)
def test_ids_of_nothing_get_nothing(home: PageHome, number: str) -> None:

    assert 404 == home.ask(f"/media/{quote(number, safe='%')}").status


def test_nothing_is_handed_out_to_who_is_not_logged_in_or_elsewhere(home: PageHome) -> None:
    number, _ = filed(home, "summit.mp4")
    assert 401 == home.ask(f"/media/{number}", cookie="").status
    assert 403 == home.ask(f"/media/{number}", sec_fetch_site="cross-site", sec_fetch_mode="no-cors").status
    assert 403 == home.ask(f"/media/{number}", host="elsewhere.example:80").status
    assert 405 == home.post(f"/media/{number}").status


def test_a_link_or_another_file_in_its_place_is_not_followed(home: PageHome, tmp_path: Path) -> None:
    number, place = filed(home, "downtown.mp4")
    aside = tmp_path / "aside.mp4"
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(place.read_bytes())
    place.rename(aside)
    try:
        place.symlink_to(secret)
        assert home.ask(f"/media/{number}").status in {403, 404}
        place.unlink()
        place.write_bytes(b"<html><script>alert(1)</script>")
        assert home.ask(f"/media/{number}").status in {403, 404}
        place.unlink()
        assert 404 == home.ask(f"/media/{number}").status
    finally:
        place.unlink(missing_ok=True)
        aside.rename(place)
    assert 200 == home.ask(f"/media/{number}").status


def _target(descriptor: Path) -> Path | None:
    try:
        return descriptor.readlink()
    except OSError:  # closed meanwhile
        return None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_who_goes_away_in_the_middle_leaves_no_file_open(home: PageHome) -> None:
    number, place = filed(home, "summit.mp4")
    assert home.home.daemon is not None

    descriptors = Path(f"/proc/{home.home.daemon.pid}/fd")

    for _ in range(5):
        gone = http.client.HTTPConnection("127.0.0.1", home.port, timeout=10)
        gone.request("GET", f"/media/{number}", headers={"cookie": home.cookie})
        gone.sock.close()
    home.home.wait(lambda: place not in map(_target, descriptors.iterdir()), what="no descriptor of the video is left")
