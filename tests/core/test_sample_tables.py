"""Where samples lie is told as libav tells it, and a file that lacks one byte of any sample is never called whole."""

from __future__ import annotations

import io
import random
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import av
import pytest

from tests.support.mp4_boxes import box
from vsortd.core import sample_tables
from vsortd.core.byte_reader import ShrunkError
from vsortd.core.isobmff import BoxReader
from vsortd.core.sample_tables import has_all_samples

if TYPE_CHECKING:
    from pathlib import Path

SOUNDS = [
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_f32le",
    "pcm_f64be",
    "pcm_u8",
    "pcm_s8",
    "pcm_mulaw",
    "pcm_alaw",
    "adpcm_ima_qt",
    "alac",
    "aac",
]
RATES = {"adpcm_ima_qt": (44_100, 2), "pcm_u8": (8_000, 1), "pcm_s16le": (11_025, 1)}  # and 48 kHz stereo


def render(path: Path, *options: str, sound: str = "aac") -> Path:
    """Make half a second of pictures and sound."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        pytest.skip("no ffmpeg on this machine")
    rate, channels = RATES.get(sound, (48_000, 2))
    pictures = ("-f", "lavfi", "-i", "testsrc=s=64x48:d=0.5:r=20", "-c:v", "mpeg4")
    tone = ("-f", "lavfi", "-i", f"sine=d=0.5:r={rate}", "-ac", str(channels), "-c:a", sound)
    command = [ffmpeg, "-v", "error", *pictures[:4], *tone[:4], *pictures[4:], *tone[4:], *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def whole(data: bytes) -> bool:
    return has_all_samples(BoxReader(io.BytesIO(data), len(data)))


def end_of_samples(path: Path) -> int:
    """Return the place after the last sample by libav's own reading of the tables."""
    with av.open(str(path), options={"ignore_editlist": "1", "advanced_editlist": "0"}) as opened:
        return max(entry.pos + entry.size for stream in opened.streams for entry in stream.index_entries)


@pytest.mark.few(4)
@pytest.mark.parametrize("sound", SOUNDS)
def test_the_last_byte_of_any_sample_counts(sound: str, tmp_path: Path) -> None:
    path = render(tmp_path / "a.mov", "-movflags", "+faststart", sound=sound)
    data, end = path.read_bytes(), end_of_samples(path)
    assert whole(data)
    assert whole(data[:end])
    assert not whole(data[: end - 1])
    assert not whole(data[: end // 2])


@pytest.mark.parametrize("sound", ["pcm_s16le", "pcm_s24be", "adpcm_ima_qt"])
def test_sound_that_comes_last_counts_with_its_true_size(sound: str, tmp_path: Path) -> None:
    """Its table often says that a sample has one byte."""
    path = render(tmp_path / "a.mov", "-movflags", "+faststart", "-map", "1:a", sound=sound)
    data, end = path.read_bytes(), end_of_samples(path)
    assert len(data) == end
    assert (True, False) == (whole(data), whole(data[:-1]))


def test_a_header_at_the_end_must_be_whole(tmp_path: Path) -> None:
    data = render(tmp_path / "a.mp4").read_bytes()
    assert (True, True, False) == (whole(data), whole(data + b"\r\n"), whole(data[:-1]))


def test_places_beyond_4_gib_are_told(tmp_path: Path) -> None:
    """The table is rewritten as `co64`, with the same places and with one far away."""
    data = render(tmp_path / "a.mp4").read_bytes()
    header = data.index(b"moov") - 4
    for far in (0, 1 << 33):
        moov = bytearray(data[header:])
        for _ in range(2):
            at = moov.index(b"stco") - 4
            size, _, _, count = struct.unpack_from(">I4sII", moov, at)
            places = struct.unpack_from(f">{count}I", moov, at + 16)
            wide = box(b"co64", struct.pack(f">II{count}Q", 0, count, *(place + far for place in places)))
            moov[at : at + size] = wide
            for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
                parent = moov.rindex(name, 0, at) - 4
                struct.pack_into(">I", moov, parent, struct.unpack_from(">I", moov, parent)[0] + len(wide) - size)
        assert (far == 0) == whole(data[:header] + bytes(moov))


@pytest.mark.parametrize("flags", ["frag_keyframe+empty_moov", "frag_keyframe", "frag_keyframe+empty_moov+delay_moov"])
def test_nothing_is_claimed_of_fragments(flags: str, tmp_path: Path) -> None:
    data = render(tmp_path / "a.mp4", "-movflags", flags, "-g", "5").read_bytes()
    assert not whole(data)
    first = data.index(b"moof") - 4
    assert not whole(data[:first])


def test_nothing_is_claimed_of_samples_in_another_file(tmp_path: Path) -> None:
    data = bytearray(render(tmp_path / "a.mov").read_bytes())
    assert whole(bytes(data))
    entry = data.index(b"dref") + 12
    data[entry + 11] &= 0xFE  # the flag that says "in this very file"
    assert not whole(bytes(data))


@pytest.mark.parametrize(("table", "at"), [(b"stsz", 8), (b"stco", 4), (b"stsc", 4)])
def test_nothing_is_claimed_of_a_table_that_claims_too_much(table: bytes, at: int, tmp_path: Path) -> None:
    data = bytearray(render(tmp_path / "a.mov", sound="aac").read_bytes())
    place = data.index(table) + 4 + at
    struct.pack_into(">I", data, place, 0xFFFFFFFF)
    assert not whole(bytes(data))


def test_nothing_is_claimed_of_chunks_that_hold_too_few_samples(tmp_path: Path) -> None:
    data = bytearray(render(tmp_path / "a.mov").read_bytes())
    struct.pack_into(">I", data, data.index(b"stsc") + 16, 0)  # samples in each chunk of the first run
    assert not whole(bytes(data))


def test_nothing_is_claimed_of_a_file_without_samples() -> None:
    assert not whole(box(b"ftyp", b"isom0000") + box(b"moov", box(b"trak")) + box(b"mdat", b"x" * 90))
    assert not whole(box(b"ftyp", b"isom0000") + box(b"mdat", b"x" * 90))
    assert not whole(b"")


def test_a_file_that_shrinks_meanwhile_is_told_apart(tmp_path: Path) -> None:
    """The place where its tables lay is gone, though the size that was asked for had them."""
    data = render(tmp_path / "a.mp4", "-movflags", "+faststart").read_bytes()
    for end in range(data.index(b"moov"), data.index(b"mdat"), 50):
        with pytest.raises(ShrunkError):
            has_all_samples(BoxReader(io.BytesIO(data[:end]), len(data)))


@pytest.mark.few(1)
@pytest.mark.parametrize("sound", ["aac", "pcm_s16le", "adpcm_ima_qt"])
def test_no_header_whatever_raises(sound: str, tmp_path: Path) -> None:
    """Bytes of the header are put out at random, those of the tables more often."""
    plain = render(tmp_path / "a.mov", sound=sound).read_bytes()
    header = plain.index(b"moov")
    tables = [place for name in (b"stsz", b"stsc", b"stco", b"stsd") for place in places_of(name, plain)]
    dice = random.Random(7)  # noqa: S311 - the same faults every time
    answers = set()
    for _ in range(2000):
        data = bytearray(plain)
        for _ in range(dice.randint(1, 4)):
            near = dice.choice(tables) + dice.randint(4, 40)
            place = dice.choice([near, dice.randrange(header, len(data))])
            data[place] = dice.choice([0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)])
        answers.add(whole(bytes(data)))
    assert {True, False} == answers


def places_of(name: bytes, data: bytes) -> list[int]:
    return [place for place in range(len(data)) if data.startswith(name, place)]


def test_tables_that_are_too_large_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = render(tmp_path / "a.mov").read_bytes()
    monkeypatch.setattr(sample_tables, "MAX_TABLE_BYTES", 64)
    assert not whole(data)


@pytest.mark.parametrize(
    ("kind", "size", "entry"),
    [
        (b"avc1", 0xFFFFFFFF, bytes(78)),
        (b"lpcm", 1, bytes(8) + struct.pack(">H", 2) + bytes(46) + struct.pack(">II", 0xFFFFFFFF, 1)),
    ],
    ids=["huge samples", "huge packets of sound"],
)
def test_sizes_whose_sum_fits_no_number_are_not_taken_for_small_ones(kind: bytes, size: int, entry: bytes) -> None:
    most = 0xFFFFFFFF
    tables = [
        box(b"stsd", struct.pack(">II", 0, 1) + box(kind, entry)),
        box(b"stsz", struct.pack(">III", 0, size, most)),
        box(b"stsc", struct.pack(">5I", 0, 1, 1, most, 1)),
        box(b"stco", struct.pack(">III", 0, 1, 8)),
    ]
    trak = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", b"".join(tables)))))
    assert not whole(box(b"mdat", bytes(8)) + box(b"moov", trak))
