"""Hostile names, playlists in disguise and impossible videos, through the real commands.

The daemon runs under strace where there is one: what a playlist points to is not opened, nothing is fetched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import unicodedata
import zlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import psutil
import pytest

from tests.support import harness, troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes, strace"),
    pytest.mark.timeout(480),
    pytest.mark.slow,
]
ENDS = {"filed", "review", "rejected", "failed"}

NAMES = [
    b"-y.mp4",
    b"-i.mov",  # converted, so it stands on a command line
    b"--help.mp4",
    b"concat:a.mp4",
    b"concat:a|b.mov",
    b"file:x.mp4",
    b"file:y.mov",
    b"pipe:0.mp4",
    b"http:%2f%2f127.0.0.1.mp4",
    b"new\nline.mp4",
    b"new\nline.mov",
    b"tab\there.mp4",
    b"bell\x07 \x1b[31mred.mp4",
    b"quote'.mp4",
    b'double".mp4',
    b"back\\slash.mp4",
    b"$(touch x).mp4",
    b"`touch x`.mov",
    b"; touch x #.mp4",
    b"%d %s %05d.mov",
    b"{stem} {0}.mp4",
    b"[bold]markup[bold].mp4",
    b"a" * 251 + b".mp4",
    b"b" * 251 + b".mov",
    "é".encode() * 125 + b"x.mp4",
    b"\xff\xfe latin \xe9.mp4",
    b"\xff\xfe latin \xe9.mov",
    "\u202egnp.mp4".encode(),
    "\u200f\u2067right to left.mp4".encode(),
    b"dots and spaces. . .mp4",
    b" leading space.mp4",
    b"only dots....mp4",
    "\N{CLAPPER BOARD}\N{ZERO WIDTH JOINER}\N{EARTH GLOBE EUROPE-AFRICA}.mp4".encode(),
    b"CON.mp4",
    b"nul.mov",
    b"UPPER.MP4",
    "e\u0301 decomposed.mp4".encode(),
    "\u00e9 composed.mp4".encode(),
]
NO_VIDEO_BY_NAME = [b"ends with a dot.mp4.", b"ends with a space.mp4 ", b"none"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[harness.Home]:
    more = f"{troubles.QUICK}workers: {{time_limit: 10s, memory: 1GB}}\n"
    one = harness.Home.make(tmp_path / "home", more=more, rules=troubles.ONE_RULE)
    yield one
    if one.daemon is not None:
        # under strace the daemon is a child, and outlives it
        for process in [*psutil.Process(one.daemon.pid).children(recursive=True), one.daemon]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        one.daemon.wait()


def playlists(secret: Path, url: str) -> dict[str, str]:
    """Return playlists by the names they are given."""
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
    texts = {
        "hls file": f"{head}#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "hls path": f"{head}#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "hls http": f"{head}#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
        "hls master": f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{url}\n",
        "hls key": f'{head}#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n',
        "ffconcat file": f"ffconcat version 1.0\nfile '{secret}'\n",
        "ffconcat http": f"ffconcat version 1.0\nfile '{url}'\n",
        "concat": f"file '{secret}'\n",
        "dash": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{url}</BaseURL></MPD>',
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    }
    return {f"{name}{suffix}": text for name, text in texts.items() for suffix in (".mp4", ".mov")}


def with_reference(clip: bytes, entry: bytes) -> bytes:
    """Return a MOV (its index behind its data) whose pictures are said to lie where a data reference says."""
    return _inside(clip, [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"], struct.pack(">II", 0, 1) + entry)


def _inside(boxes: bytes, path: list[bytes], content: bytes) -> bytes:
    if not path:
        return content
    out, at = b"", 0
    while at < len(boxes):
        size, kind = struct.unpack(">I4s", boxes[at : at + 8])
        body = boxes[at + 8 : at + size]
        if kind == path[0]:
            body = _inside(body, path[1:], content)
        out += struct.pack(">I4s", 8 + len(body), kind) + body
        at += size
    return out


def alias_to(path: Path) -> bytes:
    """Return a data reference by Macintosh alias: the kind that ffmpeg follows when it is told to (`enable_drefs`)."""
    name = os.fsencode(path)
    record = bytes(10) + bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12) + bytes([5]) + b"x.mov".ljust(63, b"\0")
    record += bytes(16) + struct.pack(">HH", 1, 1) + bytes(16)
    record += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">HH", 0xFFFF, 0)
    return struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record


@pytest.mark.long
def test_hostile_names_and_playlists_are_filed_or_set_aside_and_nothing_they_name_is_opened(
    home: harness.Home, tmp_path: Path
) -> None:
    secret = troubles.make_clip(tmp_path / "secret.mp4", number=99)
    clips = {suffix: troubles.make_clip(tmp_path / f"clip{suffix}").read_bytes() for suffix in (".mp4", ".mov")}
    inbox = os.fsencode(home.inbox)
    names = list(NAMES)
    if shutil.which("ffmpeg") is None:
        names = [name for name in names if not name.endswith(b".mov")]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        bad = playlists(secret, f"http://127.0.0.1:{listener.getsockname()[1]}/x.ts")
        trace = tmp_path / "trace"
        _start(home, trace)
        for name, text in bad.items():
            (home.inbox / name).write_text(text, encoding="ascii")
        aliases = [f"data elsewhere{suffix}" for suffix in (".mp4", ".mov")]
        for name in aliases:
            (home.inbox / name).write_bytes(with_reference(clips[".mov"], alias_to(secret)))
        for name in [*names, *NO_VIDEO_BY_NAME]:
            suffix = ".mov" if name.endswith(b".mov") else ".mp4"
            Path(os.fsdecode(os.path.join(inbox, name))).write_bytes(troubles.padded(clips[suffix], name))  # noqa: PTH118
        before = harness.snapshot(home.inbox)
        total = len(names) + len(bad) + len(aliases)
        home.wait(lambda: _ended(home) >= total, what="every file has an end", within_s=300)
        items = home.items()
        assert total == len(items), "a file was reported twice"
        by_state = {state: [item for item in items if item["state"] == state] for state in ENDS}
        assert (len(names), total - len(names)) == (len(by_state["filed"]), len(by_state["failed"]))
        why = {Path(item["source"]).name: item["reason"] for item in by_state["failed"]}
        assert {*bad, *aliases} == set(why)
        assert all("neither MP4 nor MOV" in why[name] for name in bad), why
        assert all("another file" in why[name] for name in aliases), why
        left = {os.fsencode(path.name) for path in home.inbox.iterdir()}
        assert {*map(os.fsencode, [*bad, *aliases]), *NO_VIDEO_BY_NAME} == left
        for path in home.library.rglob("*"):
            steers = any(unicodedata.category(letter) == "Cc" for letter in path.name)
            assert ".vsortd" in path.parts or not steers, f"{path.name!r} could steer a terminal"
        assert "\x1b" not in home.run("history").stdout
        assert not list(tmp_path.rglob("x")), "nothing in a name was run"
        assert not Path("x").exists()

        assert home.daemon is not None
        os.kill(troubles.status(home)["pid"], signal.SIGTERM)
        assert 0 == home.daemon.wait(60)
        home.daemon = None
        with pytest.raises(BlockingIOError):
            listener.accept()
    undone = home.json("undo", "--all")
    assert (len(names), []) == (len(undone["undone"]), undone["refused"])
    assert before == harness.snapshot(home.inbox), "every name returns byte for byte"
    assert {} == harness.snapshot(home.library)
    if trace.exists():
        said = trace.read_text(errors="replace")
        assert "concat:a.mp4" in said, "the trace holds what was opened"
        assert "secret.mp4" not in said
        assert "AF_INET" not in said


def _ended(home: harness.Home) -> int:
    counts = troubles.status(home)["counts"]
    return int(counts["filed"] + counts["review"] + counts["rejected"] + counts["failed"])


def _start(home: harness.Home, trace: Path) -> None:
    """Start the daemon, under strace where that works."""
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "4096", "-e", "trace=open,openat,openat2,connect", "-o"]
    usable = (
        shutil.which("strace")
        and not subprocess.run([*strace, os.devnull, "true"], capture_output=True, check=False).returncode
    )
    with (home.folder / "daemon.log").open("ab") as log:
        home.daemon = subprocess.Popen(
            [*([*strace, trace] if usable else []), sys.executable, "-m", "vsortd", "--verbose", "run"],
            env=home.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    home.wait(lambda: troubles.status(home)["state"] == "running", what="the daemon answers")


def flat_png(side_px: int) -> bytes:
    """Return a black picture of one bit a pixel: a few kilobytes, whatever its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes((side_px // 8 + 1) * side_px), 9)
    head = struct.pack(">IIBBBBB", side_px, side_px, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def repeated(path: Path, side_px: int, times: int) -> None:
    """Make a video of one flat picture, shown many times; its header tells the size as the picture does."""
    small_px = 4096  # libav makes no headers for sizes beyond its own limit
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("png", rate=24)
        stream.width = stream.height = small_px
        stream.pix_fmt = "monob"
        data = flat_png(side_px)
        for number in range(times):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 24)
            packet.pts = packet.dts = number
            packet.duration, packet.is_keyframe = 1, True
            out.mux(packet)
    made = path.read_bytes()
    at = made.rindex(b"moov")
    moov = made[at:]
    for form in (">HH", ">II"):  # of the sample entry, and of the track as 16.16
        shift = 16 * (form == ">II")
        moov = moov.replace(
            struct.pack(form, small_px << shift, small_px << shift),
            struct.pack(form, side_px << shift, side_px << shift),
        )
    path.write_bytes(made[:at] + moov)


def test_impossible_videos_are_each_reported_with_a_reason_and_the_others_are_filed(
    home: harness.Home, clip_file: Callable[..., Path], tmp_path: Path
) -> None:
    """Sizes from 1x1 to 16384x16384, no frame, one, hours of them, encrypted, cut, full of holes, bombs."""
    many = {"frames": 72, "options": {"movflags": "faststart"}, "codec_options": {"crf": "10"}}
    day = 24 * 3600 * 24
    good = {
        "one pixel.mp4": {"width": 1, "height": 1, "pixel_format": "yuv444p", "frames": 3},
        "one frame.mp4": {"frames": 1},
        "odd times.mp4": {"frames": 6, "times": (0, 1, 2, 90, 91, 400)},
        "hours.mp4": {"frames": 5, "times": (0, day // 4, day // 2, day, 2 * day)},
        "a thin line.mp4": {"width": 2, "height": 2048, "frames": 3},
    }
    for name, recipe in good.items():
        clip_file(name, **recipe)
    key = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "ab" * 16, "encryption_kid": "cd" * 16}
    clip_file("encrypted.mp4", options=key)
    cut = clip_file("cut.mp4", **many)
    os.truncate(cut, cut.stat().st_size * 6 // 10)
    hole = clip_file("hole.mp4", **many)
    data = hole.read_bytes()
    middle = data.index(b"mdat") + len(data) // 4
    hole.write_bytes(data[:middle] + bytes(len(data) - middle))
    empty = clip_file("no frame.mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"})
    data = empty.read_bytes()
    empty.write_bytes(data[: data.index(b"moof") - 4])
    repeated(tmp_path / "huge.mp4", 16384, 1)
    repeated(tmp_path / "huge.mov", 16384, 1)
    repeated(tmp_path / "bomb.mp4", 16000, 200)
    clip_file("a little too large.mp4", width=8208, height=8208, frames=1, codec_options={"preset": "ultrafast"})
    repeated(tmp_path / "bomb within the limit.mp4", 8192, 400)
    (tmp_path / "nothing.mp4").touch()
    (tmp_path / "zeros.mov").write_bytes(bytes(100_000))
    says = {
        "encrypted.mp4": "encrypted",
        "cut.mp4": "are missing at its end",
        "hole.mp4": "empty",
        "no frame.mp4": "no media data",
        "huge.mp4": "",
        "huge.mov": "",
        "bomb.mp4": "",
        "a little too large.mp4": "8208x8208 pixels are more than",
        "nothing.mp4": "empty",
        "zeros.mov": "",
    }
    # a few bytes each, and gigabytes of pictures: what holds them off are limits, not luck
    assert (tmp_path / "bomb.mp4").stat().st_size < 10_000_000
    dropped = [path for path in tmp_path.iterdir() if path.suffix in {".mp4", ".mov"}]
    assert {*says, *good, "bomb within the limit.mp4"} == {path.name for path in dropped}
    for path in dropped:
        path.rename(home.inbox / path.name)
    before = harness.snapshot(home.inbox)
    items = {Path(item["source"]).name: item for item in home.json("sort", home.inbox, code=3)["items"]}
    assert set(before) == set(items)
    wrong = {
        name: (item["state"], item["reason"])
        for name, item in items.items()
        if item["state"] not in ({"filed"} if name in good else {"failed"} if name in says else ENDS)
        or not item["reason"]
        or says.get(name, "") not in item["reason"]
        or (item["state"] == "failed") != (home.inbox / name).exists()
    }
    assert {} == wrong
    assert [] == home.json("undo", "--all")["refused"]
    assert before == harness.snapshot(home.inbox)
