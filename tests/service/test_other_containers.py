"""Videos in other containers as a person meets them: made into MP4s where asked for, said why not, taken back."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support import harness
from tests.support.other_films import AAC, COPY, H264, HEVC, MPEG4, again, film, with_attachment, with_subtitles

pytestmark = pytest.mark.timeout(240)
REMUX = "convert: {other: remux}\n"
ALL = "settle: 0.3s, incomplete_after: 1s, extensions: all"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one of each, with a sidecar that is called after its whole name and one after its stem."""
    folder = tmp_path_factory.mktemp("films")
    plain = film(folder / "plain.mkv", *H264, *AAC)
    film(folder / "hevc.mkv", *HEVC, *AAC)
    film(folder / "tv.ts", *H264, "-c:a", "ac3")
    film(folder / "camera.avi", *MPEG4, "-c:a", "pcm_s16le")
    film(folder / "bframes.avi", *MPEG4, "-bf", "2", "-c:a", "libmp3lame")
    film(folder / "web.flv", *H264, *AAC, "-ar", "44100")
    film(folder / "phone.3gp", *H264, *AAC)
    with_subtitles(folder / "anime.mkv", with_attachment(folder / "font.mkv", plain, "font"), "ass")
    (folder / "font.mkv").unlink()
    again(folder / "film.mp4", plain, *COPY)
    (folder / "plain.mkv.xmp").write_text("<x/>", encoding="utf-8")
    (folder / "plain.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")
    return folder


SAID = {
    "plain.mkv": "remux: h264 + aac",
    "hevc.mkv": "remux: hevc + aac",
    "tv.ts": "remux: h264 + ac3",
    "camera.avi": "remux: mpeg4 + pcm → alac, lossless",
    "web.flv": "remux: h264 + aac",
    "phone.3gp": "remux: h264 + aac",
    "bframes.avi": "stays .avi: B-frames, whose times AVI does not hold",
    "anime.mkv": "stays .mkv: attached files (font.ttf), subtitles that MP4 can't hold (ass)",
    "film.mp4": "",
}


def home_with(films: Path, folder: Path, *names: str, more: str = REMUX, **options: str) -> harness.Here:
    home = harness.Here.make(folder, more=more, inbox=ALL, **options)
    for path in films.iterdir():
        if not names or path.name in names:
            shutil.copy2(path, home.inbox / path.name)
    return home


@pytest.mark.long
def test_what_becomes_of_them_is_said_beforehand_done_and_taken_back(films: Path, tmp_path: Path) -> None:
    home = home_with(films, tmp_path / "home")
    before = harness.snapshot(home.inbox)
    planned = {Path(one["source"]).name: one for one in home.json("plan", home.inbox)["items"]}
    assert SAID == {name: one["conversion"] for name, one in planned.items()}
    assert before == harness.snapshot(home.inbox)
    done = {Path(one["source"]).name: one for one in home.json("sort", home.inbox)["items"]}
    assert SAID == {name: one["conversion"] for name, one in done.items()}
    for name, one in done.items():
        assert Path(one["destination"]).suffix == (".mp4" if one["converted"] else Path(name).suffix), name
        assert one["reason"].endswith(SAID[name])
    beside = {path.name for path in Path(done["plain.mkv"]["destination"]).parent.iterdir()}
    assert {"plain.mp4", "plain.mp4.xmp", "plain.srt"} <= beside
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
    assert [] == [path for path in home.library.rglob("*") if path.is_file() and ".vsortd" not in path.parts]


def test_without_a_wish_they_stay_what_they_are(films: Path, tmp_path: Path) -> None:
    home = home_with(films, tmp_path / "home", "plain.mkv", more="")
    (one,) = home.json("sort", home.inbox)["items"]
    assert ("", "", ".mkv") == (one["conversion"], one["converted"], Path(one["destination"]).suffix)


def test_the_original_is_kept_for_its_time(films: Path, tmp_path: Path) -> None:
    home = home_with(films, tmp_path / "home", "plain.mkv")
    home.run("sort", home.inbox)
    (kept,) = (home.library / ".vsortd" / "originals").rglob("plain.mkv")
    assert (films / "plain.mkv").read_bytes() == kept.read_bytes()


@pytest.fixture
def home(films: Path, tmp_path: Path) -> harness.Home:
    """Return one whose commands are processes of their own, which can be killed."""
    return harness.Home(home_with(films, tmp_path / "home", "hevc.mkv").folder)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("point", ["rename.after", "place.before_done"])
def test_killed_while_it_is_filed_nothing_is_lost(point: str, films: Path, home: harness.Home) -> None:
    source = home.inbox / "hevc.mkv"
    home.more_environment["VSORTD_FAULT"] = f"{point}:kill"
    home.run("sort", source, code=-signal.SIGKILL)
    del home.more_environment["VSORTD_FAULT"]
    _is_filed_and_comes_back(films, home)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_killed_while_the_mp4_is_made_nothing_is_lost(films: Path, home: harness.Home) -> None:
    """The process dies as soon as ffmpeg has begun to write; what it wrote is removed by the next."""
    staging = home.library / ".vsortd"
    process = subprocess.Popen(
        [sys.executable, "-m", "vsortd", "sort", str(home.inbox)],
        env=home.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list(staging.rglob("*.mp4*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.kill()
    assert -signal.SIGKILL == process.wait(20), "it was still at work"
    assert _digest(films / "hevc.mkv") == _digest(home.inbox / "hevc.mkv")
    _is_filed_and_comes_back(films, home)


def _is_filed_and_comes_back(films: Path, home: harness.Home) -> None:
    home.run("run", "--once")
    items = [one for one in home.items() if one["state"] in {"filed", "review"}]
    assert [("remux", ".mp4")] == [(one["converted"], Path(one["destination"]).suffix) for one in items]
    assert not (home.inbox / "hevc.mkv").exists()
    left = [path for path in home.library.rglob("*") if path.is_file() and "originals" not in path.parts]
    assert [Path(items[0]["destination"])] == [path for path in left if path.suffix == ".mp4"]
    home.run("undo", "--all")
    assert _digest(films / "hevc.mkv") == _digest(home.inbox / "hevc.mkv")


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()
