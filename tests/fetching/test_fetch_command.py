"""`vsortd fetch`, and addresses in other commands: the real yt-dlp, and a real https server of the test's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import av
import psutil
import pytest

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support.clips import render_scene
from tests.support.harness import Here, Home, snapshot
from tests.support.video_site import Answer, VideoSite
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)

LIMITS = "fetch: {max_size: 3MB, time_limit: 30s}\n"
VTT = b"WEBVTT\n\n00:00.000 --> 00:01.000\nOver there, a forest\n"
TRACK = '<track kind="subtitles" srclang="en" src="/words.vtt">'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Here(Home.make(tmp_path / "home", more=LIMITS).folder)
    yield made
    if made.daemon is not None:
        made.stop()


@pytest.fixture
def site(tmp_path: Path, home: Home) -> Iterator[VideoSite]:
    (tmp_path / "site").mkdir()
    with VideoSite(tmp_path / "site") as served:
        home.more_environment = served.environment
        served.put("/words.vtt", VTT, "text/vtt")
        yield served


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return render_scene(path, Subject.FOREST, Light.DAY, seed=3, frames=40, fps=10)


def told(home: Home, *words: str, code: int = 1) -> str:
    """Return what a command says on stderr that has to fail, in one line."""
    done = home.run(*words, code=code)
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


def inbox_names(home: Home) -> set[str]:
    return {path.name for path in home.inbox.iterdir()}


def test_a_page_is_fetched_once_with_its_title_and_subtitles_and_then_comes_from_the_cache(
    home: Home, site: VideoSite, film: Path
) -> None:
    site.put("/film.mp4", film)
    page = site.page("/watch", "/film.mp4", title="A walk: the forest", tracks=TRACK)
    fetched = home.json("fetch", page)["videos"][0]
    assert (home.inbox / "A walk_ the forest.mp4").read_bytes() == film.read_bytes()
    assert VTT == (home.inbox / "A walk_ the forest.en.vtt").read_bytes()
    assert ("A walk: the forest", page, ["en"]) == (fetched["title"], fetched["address"], fetched["subtitles"])
    assert not fetched["from_cache"]
    asked = len(site.asked)
    again = home.run("fetch", page)
    assert "from the cache" in again.stderr
    assert "was there already" in again.stdout
    assert asked == len(site.asked)
    assert {"A walk_ the forest.mp4", "A walk_ the forest.en.vtt"} == inbox_names(home)
    assert home.json("fetch", "--again", page)["videos"][0]["path"].endswith("(2).mp4")
    assert asked < len(site.asked)


def test_what_was_fetched_is_there_without_a_network_and_without_the_extra(
    home: Home, site: VideoSite, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = site.put("/film.mp4", film)
    other = site.put("/other.mp4", film)
    home.run("fetch", address)
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    assert "from the cache" in home.run("analyze", address, "--only", "facts").stderr
    said = told(home, "fetch", other, code=2)
    assert "vsortd: Addresses are fetched by yt-dlp, which is not installed. pip install 'vsortd[fetch]'" == said


@pytest.mark.long
def test_of_several_videos_none_is_fetched_until_that_is_wished(home: Home, site: VideoSite, film: Path) -> None:
    site.put("/one.mp4", film)
    site.put("/two.mp4", film.read_bytes() + b"\0\0\0\x08free")
    page = site.page("/list", "/one.mp4", "/two.mp4", "/gone.mp4", title="Two walks")
    assert "several videos (Two walks); --playlist" in told(home, "fetch", page)
    assert not inbox_names(home)
    document = home.json("fetch", "--playlist", page, code=3)
    assert ["Two walks (1).mp4", "Two walks (2).mp4"] == sorted(inbox_names(home))
    assert "404" in document["failures"][0]["reason"]
    config = home.config.read_text().replace("max_size: 3MB", "max_size: 3MB, playlist: 1")
    home.config.write_text(config)
    assert 1 == len(home.json("fetch", "--playlist", page)["videos"])


REFUSED: dict[str, tuple[Answer, str]] = {
    "/to-loopback.mp4": (Answer(redirect="https://127.0.0.1:1/x.mp4"), "leads to 127.0.0.1, which is no public"),
    "/to-network.mp4": (Answer(redirect="https://192.168.1.1/x.mp4"), "leads to 192.168.1.1, which is no public"),
    "/to-cloud.mp4": (Answer(redirect="https://169.254.169.254/latest"), "leads to 169.254.169.254, which is no"),
    "/to-mapped.mp4": (Answer(redirect="https://[::ffff:10.0.0.1]/x.mp4"), "which is no public address"),
    "/to-name.mp4": (Answer(redirect="https://localhost:1/x.mp4"), "which is no public address"),
    "/to-http.mp4": (Answer(redirect="http://127.0.0.1/x.mp4"), "leads to http://127.0.0.1, and only https://"),
    "/to-ftp.mp4": (Answer(redirect="ftp://127.0.0.1/x.mp4"), "can't be fetched"),
    "/to-file.mp4": (Answer(redirect="file:///etc/passwd"), "can't be fetched"),
    "/gone.mp4": (Answer(status=410), "the server answers 410 Gone"),
    "/login.mp4": (Answer(status=401), "the server answers 401"),
    "/no-video": (Answer(b"<html><body>words</body></html>"), "no video was found there"),
    "/cut-off-page": (Answer(b"<video src='/x.mp4'>", says_bytes=10**5), "its server broke off in the middle"),
    "/endless-page": (Answer(b"<html>", endless=True), "a page without end"),
    "/endless.mp4": (Answer(b"\0\0\0\x08ftyp", kind="video/mp4", endless=True), "more than `fetch: {max_size"),
    "/huge.mp4": (Answer(b"\0\0\0\x08ftyp", kind="video/mp4", says_bytes=10**10), "it has 10 GB, more than `fetch"),
    "/cut-off.mp4": (Answer(b"\0\0\0\x08ftyp", kind="video/mp4", says_bytes=10**5), "expected 100000"),
    "/page.mp4": (Answer(b"#EXTM3U\nfile:///etc/passwd\n", kind="video/mp4"), "what was sent is no MP4 or MOV"),
    "/sound.mp3": (Answer(b"ID3", kind="audio/mpeg"), "no video in it that comes as MP4 or MOV"),
}


@pytest.mark.few(5)
@pytest.mark.parametrize("path", REFUSED)
def test_what_may_not_or_can_not_be_fetched_is_told_in_a_sentence_and_leaves_nothing(
    home: Home, site: VideoSite, path: str
) -> None:
    site.answers[path], why = REFUSED[path]
    said = told(home, "fetch", site.url(path))
    assert why in said
    assert not inbox_names(home)
    left = [one for one in (home.folder / "state" / "fetched").rglob("*") if one.is_file()]
    assert not left


def test_an_address_that_is_this_machines_is_refused_though_a_server_is_there(home: Home, site: VideoSite) -> None:
    home.more_environment = {"SSL_CERT_FILE": str(site.authority)}
    assert "leads to 127.0.0.1, which is no public address" in told(home, "fetch", site.url("/x.mp4"))
    assert not site.asked


def test_proxies_cookies_and_configs_of_the_machine_have_no_part(
    home: Home, site: VideoSite, film: Path, tmp_path: Path
) -> None:
    """yt-dlp would read these, ask the proxy, or run the plugin."""
    config = tmp_path / "own" / "yt-dlp"
    (config / "plugins" / "mine" / "yt_dlp_plugins" / "extractor").mkdir(parents=True)
    (config / "config").write_text(f"--exec touch {tmp_path}/ran\n--netrc\n")
    plugin = f"open({str(tmp_path / 'plugged')!r}, 'w').close()\n"
    (config / "plugins" / "mine" / "yt_dlp_plugins" / "extractor" / "mine.py").write_text(plugin)
    home.more_environment |= {
        "XDG_CONFIG_HOME": str(tmp_path / "own"),
        "https_proxy": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
    }
    home.run("fetch", site.put("/film.mp4", film))
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "plugged").exists()


def test_a_certificate_that_nobody_vouches_for_is_refused(home: Home, tmp_path: Path, film: Path) -> None:
    (tmp_path / "stranger").mkdir()
    with VideoSite(tmp_path / "stranger", trusted=False) as served:
        home.more_environment = served.environment
        assert "no certificate that this machine trusts" in told(home, "fetch", served.put("/film.mp4", film))
        assert not served.asked


@pytest.mark.long
@pytest.mark.parametrize("how", [{"silent": True}, {"drips": True, "body": bytes(10**5)}])
def test_a_server_that_takes_too_long_is_given_up(home: Home, site: VideoSite, how: dict[str, Any]) -> None:
    home.config.write_text(home.config.read_text().replace("time_limit: 30s", "time_limit: 4s"))
    site.answers["/slow.mp4"] = Answer(kind="video/mp4", **how)
    assert "longer than `fetch: {time_limit: 4s}` allows" in told(home, "fetch", site.url("/slow.mp4"))
    assert not inbox_names(home)


@pytest.mark.few(1)
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ctrl_c_and_a_kill_end_the_process_that_fetches(
    home: Home, site: VideoSite, how: signal.Signals, tmp_path: Path
) -> None:
    site.answers["/slow.mp4"] = Answer(silent=True)
    # what takes longer than the time limit ends by itself, and on a busy machine looking at the children takes seconds
    home.config.write_text(home.config.read_text().replace("time_limit: 30s", "time_limit: 5m"))
    command = subprocess.Popen(
        [sys.executable, "-m", "vsortd", "fetch", site.url("/slow.mp4")],
        env=home.environment,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    home.wait(lambda: bool(site.asked), what="it asks the site")
    children = psutil.Process(command.pid).children(recursive=True)
    assert children
    command.send_signal(how)
    _, said = command.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in said
    assert command.returncode == (130 if how is signal.SIGINT else -how), said
    gone, alive = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not alive
    assert gone
    assert not inbox_names(home)


@pytest.mark.long
def test_hls_and_dash_become_one_mp4_and_what_is_live_is_refused(home: Home, site: VideoSite, film: Path) -> None:
    from vsortd.media.ffmpeg import find_ffmpeg

    folder = site.folder
    ffmpeg = [str(find_ffmpeg()), "-loglevel", "error", "-i", str(film)]
    sound = ["-f", "lavfi", "-i", "sine=d=4", "-c:v", "copy", "-c:a", "aac", "-shortest"]
    vod = ["-hls_time", "1", "-hls_playlist_type", "vod"]
    subprocess.run([*ffmpeg, "-c", "copy", *vod, str(folder / "list.m3u8")], check=True)
    subprocess.run([*ffmpeg, *sound, "-f", "dash", str(folder / "list.mpd")], check=True)
    kinds = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml"}
    for one in folder.iterdir():
        site.put(f"/{one.name}", one, kinds.get(one.suffix, "video/mp4"))
    endless = (folder / "list.m3u8").read_bytes().replace(b"#EXT-X-ENDLIST", b"").replace(b"VOD", b"EVENT")
    live = site.put("/live.m3u8", endless, kinds[".m3u8"])
    assert "it is live, and nobody knows its end" in told(home, "fetch", live)
    home.run("fetch", site.url("/list.m3u8"), site.url("/list.mpd"))
    for number, streams in (("", ["h264"]), (" (2)", ["h264", "aac"])):
        with av.open(str(home.inbox / f"list{number}.mp4")) as container:
            assert "mp4" in container.format.name
            codecs = [one.codec_context.name for one in container.streams if one.type in {"video", "audio"}]
        assert streams == codecs


@pytest.mark.long
@pytest.mark.slow
def test_sort_files_what_an_address_holds_and_undo_leaves_it_in_the_inbox(
    home: Home, site: VideoSite, film: Path
) -> None:
    site.put("/film.mp4", film)
    page = site.page("/watch", "/film.mp4", title="A walk", tracks=TRACK) + "?token=T0P&v=1"
    assert home.json("sort", "--dry-run", page)["items"][0]["source"].endswith("A walk.mp4")
    assert not inbox_names(home)
    item = home.json("sort", page)["items"][0]
    assert str(home.inbox / "A walk.mp4") == item["source"]
    assert "filed" == item["state"]
    origin = home.items()[0]["origin"]
    assert (page.replace("token=T0P&", ""), "A walk") == (origin["address"], origin["title"])
    assert "(A walk)" in home.run("history").stdout
    assert "T0P" not in json.dumps(home.items())
    library = snapshot(home.library)
    assert 2 == len(library)
    home.run("undo", "--all")
    assert {"A walk.mp4", "A walk.en.vtt"} == inbox_names(home)
    home.run("release", "--all")
    home.json("sort", home.inbox)
    assert library == snapshot(home.library)
    assert origin == home.items()[0]["origin"]


@pytest.mark.long
@pytest.mark.slow
def test_every_command_that_takes_a_video_takes_an_address(home: Home, site: VideoSite, film: Path) -> None:
    site.put("/film.mp4", film)
    page = site.page("/watch", "/film.mp4", title="A walk", tracks=TRACK)
    home.run("explain", page)
    asked = len(site.asked)
    for words in (
        ["explain", page], ["classify", page, "a forest", "the sea"], ["timeline", page, "a forest"],
        ["search", "a forest", "--in", page, "--all"], ["search", "--said", "forest", "--in", page],
        ["analyze", page, "--only", "facts"], ["plan", page], ["sort", "--dry-run", page],
    ):  # fmt: skip
        assert "A walk.mp4" in json.dumps(home.json(*words)), words
    assert asked == len(site.asked)
    assert not inbox_names(home)


@pytest.mark.long
@pytest.mark.slow
def test_the_daemon_files_what_is_fetched_and_knows_where_it_came_from_also_after_a_restart(
    home: Home, site: VideoSite, film: Path
) -> None:
    page = site.put("/film.mp4", film)
    home.start()
    home.run("pause")
    home.run("fetch", page)
    assert 0 == home.stop()
    home.start()
    home.run("resume")
    home.wait(lambda: bool(home.items()), what="the video is filed")
    assert page == home.items()[0]["origin"]["address"]
    other = site.put("/other.mp4", film.read_bytes() + b"\0\0\0\x08free")
    assert "filed" == home.json("sort", other)["items"][0]["state"]
    assert other == home.items()[0]["origin"]["address"]
    assert 0 == home.stop()


def test_the_inbox_is_named_by_its_path_or_its_folder_and_the_only_one_need_not_be(
    home: Home, site: VideoSite, film: Path, tmp_path: Path
) -> None:
    second = tmp_path / "Second"
    second.mkdir()
    address = site.put("/film.mp4", film)
    assert "there is no such inbox" in told(home, "fetch", address, "--inbox", str(tmp_path), code=2)
    text = home.config.read_text().replace("library:", f"  - {{path: {second}}}\nlibrary:", 1)
    home.config.write_text(text)
    assert "several inboxes" in told(home, "fetch", address, code=2)
    home.run("fetch", address, "--inbox", "Second")
    home.run("fetch", address, "--inbox", str(home.inbox))
    assert {"film.mp4"} == inbox_names(home) == {path.name for path in second.iterdir()}
    second.rename(tmp_path / "away")
    assert "is not there" in told(home, "fetch", address, "--inbox", str(second), code=2)


@pytest.mark.parametrize("command", ["sort", "plan", "explain", "analyze", "fetch"])
@pytest.mark.parametrize("address", ["http://a.example/b.mp4", "file:///etc/passwd", "https://me:pw@a.example/b.mp4"])
def test_other_addresses_are_refused_as_they_were_typed(home: Home, command: str, address: str) -> None:
    said = told(home, command, address, code=2)
    assert address.replace("me:pw@", "") in said
    assert ":pw" not in said


def test_an_inbox_that_can_not_be_written_says_so_and_the_cache_keeps_the_video(
    home: Home, site: VideoSite, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = site.put("/film.mp4", film)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("vsortd.fetching.delivery.rename_noreplace", refuse)
    assert str(home.inbox) in told(home, "fetch", address)
    assert not inbox_names(home)
    monkeypatch.undo()
    home.more_environment = site.environment
    assert home.json("fetch", address)["videos"][0]["from_cache"]
