"""The table of containers: one place for endings, demuxers and first bytes."""

from __future__ import annotations

import pytest

from vsortd.config.inbox_options import Extension
from vsortd.core.containers import (
    ALL_ENDINGS,
    AVI,
    CONTAINERS,
    ENDINGS,
    FLASH,
    ISO,
    MATROSKA,
    PROGRAM_STREAM,
    TRANSPORT_STREAM,
    Container,
    container_of,
    endings_among,
    ts_packet,
)


def test_the_config_knows_the_table_and_the_word_for_all() -> None:
    assert {*ENDINGS, ALL_ENDINGS} == set(map(str, Extension))


def test_an_ending_belongs_to_one_container() -> None:
    assert sum(len(container.endings) for container in CONTAINERS) == len(ENDINGS)


def test_the_word_for_all_means_every_ending() -> None:
    assert endings_among(["mp4", "all"]) == frozenset(ENDINGS)
    assert endings_among([Extension.MKV, ".MOV"]) == {"mkv", "mov"}


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"\0\0\0\x18ftypisom", ISO),
        (b"\x1aE\xdf\xa3\xa3B\x86", MATROSKA),
        (b"RIFF\0\0\0\0AVI LIST", AVI),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\x01\xba\x44", PROGRAM_STREAM),
        (b"FLV\x01\x05", FLASH),
        ((b"G" + b"x" * 187) * 4, TRANSPORT_STREAM),
        ((b"abcdG" + b"x" * 187) * 4, TRANSPORT_STREAM),
        (b"G" + b"x" * 900, None),
        (b"#EXTM3U\n", None),
        (b"", None),
    ],
)
def test_first_bytes_tell_the_container(head: bytes, container: Container | None) -> None:
    assert container_of(head) is container


def test_a_recording_may_begin_within_a_packet() -> None:
    stream = (b"G" + b"x" * 187) * 6
    assert ts_packet(stream[100:]) == (188, 88)
    assert ts_packet((b"abcdG" + b"x" * 187) * 5) == (192, 4)
    assert ts_packet(stream[: 188 * 3]) is None
