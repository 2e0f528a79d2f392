"""What technical facts mean: classes, device, and what is written down of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.analysis.technical import TechnicalReport, technical_report
from vsortd.analysis.told_by_tags import GpsPlace, TagFacts, WritingProgram, read_tags
from vsortd.core.technical_facts import (
    ChapterMark,
    FileKind,
    HdrKind,
    PictureStreamFacts,
    SoundStreamFacts,
    SubtitleStreamFacts,
    TechnicalFacts,
)
from vsortd.media.pool import MediaPool

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = PictureStreamFacts(
    index=0,
    codec="hevc",
    profile="Main 10",
    width_px=3840,
    height_px=2160,
    shown_width_px=2160,
    shown_height_px=3840,
    rotation_deg=90,
    sample_aspect=1.0,
    pixel_format="yuv420p10le",
    bit_depth=10,
    chroma="4:2:0",
    primaries="bt2020",
    transfer="arib-std-b67",
    matrix="bt2020nc",
    color_range="tv",
    hdr=HdrKind.HLG,
    frames=300,
    bytes=9_000_000,
    duration_s=10.01,
    fps=30000 / 1001,
    irregular_share=0.0,
    frame_interval_s=1001 / 30000,
    keyframes=10,
    key_interval_s=1.001,
    key_interval_max_s=1.001,
    bitrate_bps=7_192_807.2,
    language=None,
    attached=False,
    default=True,
    encrypted=False,
)
SOUND = SoundStreamFacts(
    index=1,
    codec="aac",
    profile="LC",
    rate_hz=48000,
    channels=2,
    layout="stereo",
    bit_depth=None,
    duration_s=10.01,
    bytes=240_000,
    bitrate_bps=191_808.2,
    language="deu",
    title="Ann's microphone",
    default=True,
)
TAGS = {
    "major_brand": "qt",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 14 Pro",
    "com.apple.quicktime.software": "16.4.1",
    "com.apple.quicktime.creationdate": "2023-05-09T12:41:46+0100",
    "com.apple.quicktime.location.ISO6709": "+51.5334-000.1255+026.756/",
    "com.apple.quicktime.location.accuracy.horizontal": "35.0",
    "com.apple.quicktime.author": "Ann Smith",
    "com.apple.quicktime.camera.serialnumber": "C02X1234",
    "title": "Ann and Bob",
}
FACTS = TechnicalFacts(
    kind=FileKind.VIDEO,
    format="mov",
    brand="qt",
    size_bytes=9_300_000,
    duration_s=10.01,
    bitrate_bps=7_432_567.4,
    streams=4,
    film=0,
    pictures=(PICTURE,),
    sounds=(SOUND,),
    subtitles=(SubtitleStreamFacts(2, "mov_text", "eng", "Bob's words", default=True, forced=False),),
    chapters=(ChapterMark(0.0, 5.0, "Ann arrives"), ChapterMark(5.0, 10.01, None)),
    tags=TAGS,
    film_tags={"handler_name": "Core Media Video", "encoder": "HEVC"},
)


def reported(*, private: bool = False, facts: TechnicalFacts = FACTS, **film: Any) -> TechnicalReport:
    changed = replace(facts, pictures=(replace(PICTURE, **film),)) if film else facts
    return technical_report(changed, private=private)


def told_by(film_tags: dict[str, str] | None = None, /, **tags: str) -> TagFacts:
    return read_tags(tags, film_tags or {})


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (3840, 2160, "4K"),
        (2160, 3840, "4K"),
        (4096, 2000, "4K"),
        (3840, 1999, "QHD"),
        (2560, 1440, "QHD"),
        (1934, 2160, "QHD"),
        (1920, 1400, "QHD"),
        (1920, 1399, "Full HD"),
        (1080, 1920, "Full HD"),
        (1920, 1000, "Full HD"),
        (1920, 999, "HD"),
        (1280, 720, "HD"),
        (700, 700, "HD"),
        (1920, 699, "SD"),
        (720, 576, "SD"),
        (640, 480, "SD"),
    ],
)
def test_the_shorter_shown_side_makes_the_class(width: int, height: int, name: str) -> None:
    assert name == reported(shown_width_px=width, shown_height_px=height).resolution_class


def test_a_film_whose_size_is_unknown_has_no_class() -> None:
    assert reported(shown_width_px=None, shown_height_px=None).resolution_class is None


@pytest.mark.parametrize(
    ("fps", "name"),
    [
        (24000 / 1001, "film"),
        (23.9, "film"),
        (24.1, "film"),
        (24.2, "other"),
        (25.0, "PAL"),
        (24.8, "other"),
        (30000 / 1001, "NTSC"),
        (30.0, "NTSC"),
        (30.2, "other"),
        (48.0, "other"),
        (48.1, "high"),
        (50.0, "high"),
        (240.0, "high"),
        (7.22, "other"),
        (None, None),
    ],
)
def test_the_average_rate_makes_the_class(fps: float | None, name: str | None) -> None:
    assert name == reported(fps=fps).frame_rate_class


def test_hdr_and_a_variable_rate_are_told_where_they_are_known() -> None:
    found = [reported(hdr=kind).hdr for kind in (HdrKind.PQ, HdrKind.HLG, HdrKind.DOLBY_VISION, HdrKind.NONE, None)]
    assert [True, True, True, False, None] == found
    assert [False, True, None] == [reported(irregular_share=share).variable_frame_rate for share in (0.02, 0.03, None)]


def test_the_device_is_what_the_file_says_or_unknown() -> None:
    assert "Apple iPhone 14 Pro" == reported().device
    assert "Canon EOS 5D" == told_by(Make="Canon", Model="Canon EOS 5D").device
    assert "GoPro" == told_by({"handler_name": "GoPro AVC"}).device
    assert "unknown" == told_by({"handler_name": "VideoHandle"}, **{"com.android.version": "13"}).device
    assert "unknown" == reported(facts=replace(FACTS, tags={}, film_tags={})).device


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"creation_time": "2022-05-12T15:25:17.000000Z"}, "2022-05-12T15:25:17Z"),
        ({"creation_time": "2022-05-12T15:25:17Z", "date": "2020-01-01T08:00:00+0200"}, "2020-01-01T08:00:00+02:00"),
        ({"date": "2019", "creation_time": "2022-05-12T15:25:17Z"}, "2022-05-12T15:25:17Z"),
        ({"creation_time": "1970-01-01T00:00:00Z"}, None),
        ({"creation_time": "1904-01-01T00:00:00Z"}, None),
        ({"date": "the other day"}, None),
        ({"DateTime": "2021:01:02 03:04:05"}, "2021-01-02T03:04:05"),
        (
            {"DateTime": "2021:01:02 03:04:05", "ExifIFD/DateTimeOriginal": "2020:01:02 03:04:05"},
            "2020-01-02T03:04:05",
        ),
        (
            {"ExifIFD/DateTimeOriginal": "2020:01:02 03:04:05", "ExifIFD/0x9011": "+02:00"},
            "2020-01-02T03:04:05+02:00",
        ),
        ({"DateTime": "2021:13:02 03:04:05"}, None),
    ],
)
def test_when_it_was_recorded(tags: dict[str, str], expected: str | None) -> None:
    assert expected == read_tags(tags, {}).recorded_at


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("+51.5334-000.1255+026.756/", GpsPlace(51.5334, -0.1255, 26.756)),
        ("+48.1371+011.5754/", GpsPlace(48.1371, 11.5754)),
        ("+51.5932-0.2431/", GpsPlace(51.5932, -0.2431)),
        ("+4830.0+01115.0/", GpsPlace(48.5, 11.25)),
        ("-483036+0111530CRSWGS_84/", GpsPlace(-48.51, 11 + 15 / 60 + 30 / 3600)),
        ("+00.0000+000.0000/", None),
        ("+91.0+011.0/", None),
        ("+48.0+181.0/", None),
        ("+480.0+011.0/", None),
        ("somewhere", None),
        ("", None),
    ],
)
def test_where_it_was_recorded(text: str, place: GpsPlace | None) -> None:
    found = read_tags({"location": text}, {}).place
    if place is None:
        assert found is None
    else:
        assert found is not None
        assert (pytest.approx(place.latitude_deg), pytest.approx(place.longitude_deg), place.altitude_m) == (
            found.latitude_deg,
            found.longitude_deg,
            found.altitude_m,
        )


def test_where_a_photo_was_taken() -> None:
    tags = {
        "GPSInfo/GPSLatitudeRef": "N",
        "GPSInfo/GPSLatitude": "48:1      ,       8:1      ,      66:5",
        "GPSInfo/GPSLongitudeRef": "W",
        "GPSInfo/GPSLongitude": "11:1      ,      34:1      ,      31:1",
        "GPSInfo/GPSAltitude": "     25:2      ",
        "GPSInfo/GPSAltitudeRef": "  1",
    }
    assert GpsPlace(48.137, -11.5752778, -12.5) == read_tags(tags, {}).place
    assert read_tags({**tags, "GPSInfo/GPSLatitude": "48:0"}, {}).place is None


@pytest.mark.parametrize(
    ("tags", "program"),
    [
        ({"com.apple.quicktime.author": "ReplayKitRecording"}, WritingProgram("ReplayKit", "screen recorder")),
        ({"encoder": "obs-output module (libobs version 30.0.0)"}, WritingProgram("OBS Studio", "screen recorder")),
        ({"encoder": "Lavf60.16.100"}, WritingProgram("FFmpeg", "encoder")),
        ({"ENCODER": "HandBrake 1.6.1 2023012300"}, WritingProgram("HandBrake", "encoder")),
        ({"encoder": "Blackmagic Design DaVinci Resolve Studio"}, WritingProgram("DaVinci Resolve", "editor")),
        (
            {"encoder": "Lavf58.76.100", "software": "Adobe Premiere Pro 2023"},
            WritingProgram("Adobe Premiere", "editor"),
        ),
        ({"handler_name": "#Mainconcept MP4 Sound Media Handler"}, WritingProgram("MainConcept", "encoder")),
        ({"handler_name": "GoPro AVC"}, WritingProgram("GoPro", "camera")),
        ({"encoder": "Vegastar"}, None),
        ({"encoder": "HEVC"}, None),
        ({}, None),
    ],
)
def test_which_program_wrote_it(tags: dict[str, str], program: WritingProgram | None) -> None:
    assert program == read_tags(tags, {}).program


def test_the_report_says_all_in_own_names() -> None:
    document = reported().to_json()
    assert document == json.loads(json.dumps(document))
    assert ("video", "mov", "qt", 10.01, 7432567) == tuple(
        document[name] for name in ("kind", "format", "brand", "duration_s", "bitrate_bps")
    )
    assert ("4K", "NTSC", False) == tuple(
        document[name] for name in ("resolution_class", "frame_rate_class", "variable_frame_rate")
    )
    assert {"latitude_deg": 51.5334, "longitude_deg": -0.1255, "altitude_m": 26.756} == document["gps"]
    assert ("2023-05-09T12:41:46+01:00", "HLG") == (document["recorded_at"], document["video"][0]["hdr"])
    assert {"begin_s": 0.0, "end_s": 5.0, "title": "Ann arrives"} == document["chapters"][0]
    assert ("deu", 48000, "eng") == (
        document["sound"][0]["language"],
        document["sound"][0]["rate_hz"],
        document["subtitles"][0]["language"],
    )


def test_a_private_report_names_no_place_and_no_person() -> None:
    report = reported(private=True)
    document = report.to_json()
    written = json.dumps([document, report.to_deepffmpeg(input_file="a.mov", scene_threshold=0.3)])
    for secret in ("51.5", "0.1255", "35.0", "Ann", "Bob", "C02X1234"):
        assert secret not in written
        assert secret not in repr(report)
    assert "gps" not in document
    assert ("Apple iPhone 14 Pro", "16.4.1") == (document["device"], document["software"])
    assert "2023-05-09T12:41:46+01:00" == document["recorded_at"]
    assert "Ann" in json.dumps(reported().to_json())


def test_a_recorder_is_told_in_private_too() -> None:
    facts = replace(FACTS, tags={"com.apple.quicktime.author": "ReplayKitRecording"})
    report = technical_report(facts, private=True)
    assert (WritingProgram("ReplayKit", "screen recorder"), {}) == (report.told.program, report.facts.tags)


def test_deepffmpeg_gets_exactly_its_keys_and_types() -> None:
    document = reported().to_deepffmpeg(input_file="in/a.mov", scene_threshold=0.4)
    assert ["input_file", "metadata", "system_info", "analysis_parameters"] == list(document)
    metadata = document["metadata"]
    assert {
        "format": "mov,mp4,m4a,3gp,3g2,mj2",
        "duration": 10.01,
        "size": 9_300_000,
        "bitrate": 7_432_567,
        "streams": 4,
        "tags": TAGS,
        "video_streams": [
            {
                "codec": "hevc",
                "width": 3840,
                "height": 2160,
                "fps": 29.97003,
                "bit_depth": "10",
                "pix_fmt": "yuv420p10le",
                "profile": "Main 10",
                "color_space": "bt2020nc",
            }
        ],
        "audio_streams": [
            {"codec": "aac", "sample_rate": "48000", "channels": 2, "channel_layout": "stereo", "bit_depth": None}
        ],
    } == metadata
    assert "Identified device" == document["system_info"]["classification"]
    assert {
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 14 Pro",
        "com.apple.quicktime.camera.serialnumber": "C02X1234",
        "make": "Apple",
        "model": "iPhone 14 Pro",
        "resolution_class": "4K",
        "frame_rate_class": "Broadcast standard (30fps)",
    } == document["system_info"]["details"]
    assert ("in/a.mov", {"scene_threshold": 0.4}) == (document["input_file"], document["analysis_parameters"])


def test_what_is_missing_is_null_and_4k_is_no_professional_camera() -> None:
    bare = replace(
        FACTS,
        duration_s=None,
        bitrate_bps=None,
        tags={},
        film_tags={},
        pictures=(replace(PICTURE, profile=None, bit_depth=None, matrix=None, fps=None),),
        sounds=(replace(SOUND, rate_hz=None, layout=None, bit_depth=24),),
    )
    document = reported(facts=bare).to_deepffmpeg(input_file="a.mov", scene_threshold=0.3)
    picture, sound = document["metadata"]["video_streams"][0], document["metadata"]["audio_streams"][0]
    assert [None] * 4 == [picture[name] for name in ("profile", "bit_depth", "color_space", "fps")]
    assert (None, None, 24) == (sound["sample_rate"], sound["channel_layout"], sound["bit_depth"])
    assert (None, None) == (document["metadata"]["duration"], document["metadata"]["bitrate"])
    assert {"classification": "Unknown system", "details": {"resolution_class": "4K"}} == document["system_info"]


def test_sound_alone_has_no_classes() -> None:
    facts = replace(FACTS, kind=FileKind.SOUND, film=None, pictures=())
    report = technical_report(facts, private=False)
    assert (None, None, None, None) == (
        report.resolution_class,
        report.frame_rate_class,
        report.hdr,
        report.variable_frame_rate,
    )
    assert [] == report.to_json()["video"]


def test_real_clips_mean_what_is_known_of_them(clips: Path) -> None:
    with MediaPool(1, timeout_s=30, memory_bytes=1_000_000_000) as pool:
        reports = {
            name: technical_report(pool.technical(clips / name, timeout_s=30), private=False)
            for name in (
                "media__dolbyVision-hdr.MOV",
                "media__h265_with_metadata_track.mp4",
                "gpmf-parser__karma.mp4",
                "nom-exif__auth.mov",
                "mediabunny__cursed-vfr.mp4",
            )
        }
    iphone, android, gopro, screen, uneven = reports.values()
    assert ("Apple iPhone 14 Pro", "HD", True) == (iphone.device, iphone.resolution_class, iphone.hdr)
    assert GpsPlace(51.5334, -0.1255, 26.756) == iphone.told.place
    assert ("unknown", "Full HD", GpsPlace(51.5932, -0.2431)) == (
        android.device,
        android.resolution_class,
        android.told.place,
    )
    assert ("GoPro", "SD", "NTSC", False) == (
        gopro.device,
        gopro.resolution_class,
        gopro.frame_rate_class,
        gopro.variable_frame_rate,
    )
    assert WritingProgram("ReplayKit", "screen recorder") == screen.told.program
    assert (True, "other", "Full HD") == (uneven.variable_frame_rate, uneven.frame_rate_class, uneven.resolution_class)
