"""Parts of a video for editing programs: CMX 3600, FCPXML and LosslessCut's CSV, read back."""

from __future__ import annotations

import csv
import io
import re
import sys
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree as ET

import pytest

from vsortd.core.edit_exports import EditPart, EditSource, edit_text, edl, fcpxml, losslesscut_csv
from vsortd.core.technical_facts import SoundStreamFacts
from vsortd.core.timecode import Timecode

NTSC = Fraction(30000, 1001)
FOLDER = Path("C:/films") if sys.platform == "win32" else Path("/films")
PARTS = (EditPart(0.0, 1.2, "Shot 1"), EditPart(1.2, 3602.0, "Shot 2"))
STEREO = SoundStreamFacts(1, "aac", "LC", 48_000, 2, "stereo", None, 4000.0, 1, None, None, None, default=True)
EVENT = re.compile(r"(\d{3})  AX       V     C        (\S+) (\S+) (\S+) (\S+)")


def source(timecode: Timecode, name: str = "bikes.mp4", *, heard: bool = False) -> EditSource:
    sound = STEREO if heard else None
    return EditSource(FOLDER / name, timecode, 4000.0, 1920, 1080, sound)


def events(text: str) -> list[tuple[str, ...]]:
    return [match.groups() for match in map(EVENT.fullmatch, text.splitlines()) if match]


def test_an_edit_list_has_an_event_for_each_part_and_names_the_source() -> None:
    expected = (
        "TITLE: bikes.mp4\n"
        "FCM: NON-DROP FRAME\n"
        "\n"
        "001  AX       V     C        00:00:00:00 00:00:01:05 00:00:00:00 00:00:01:05\n"
        "* FROM CLIP NAME: bikes.mp4\n"
        "* COMMENT: Shot 1\n"
        "002  AX       V     C        00:00:01:05 01:00:02:00 00:00:01:05 01:00:02:00\n"
        "* FROM CLIP NAME: bikes.mp4\n"
        "* COMMENT: Shot 2\n"
    )
    assert expected == edl(PARTS, source(Timecode(Fraction(25))))


def test_an_edit_list_lays_parts_one_after_the_other() -> None:
    found = events(edl([EditPart(10.0, 12.0), EditPart(4.0, 5.0)], source(Timecode(Fraction(25)))))
    assert ("001", "00:00:10:00", "00:00:12:00", "00:00:00:00", "00:00:02:00") == found[0]
    assert ("002", "00:00:04:00", "00:00:05:00", "00:00:02:00", "00:00:03:00") == found[1]


def test_an_edit_list_begins_with_the_files_own_timecode_and_drops_as_it_does() -> None:
    text = edl([EditPart(0.0, 60.06)], source(Timecode.told_by("10:00:00;00", NTSC)))
    assert "FCM: DROP FRAME" in text.splitlines()
    assert ("001", "10:00:00;00", "10:01:00;02", "00:00:00;00", "00:01:00;02") == events(text)[0]


def test_names_and_labels_add_no_lines() -> None:
    text = edl([EditPart(0.0, 1.0, "a\nb")], source(Timecode(Fraction(25)), "a\n002  AX\udcff.mp4"))
    assert ["* FROM CLIP NAME: a?002  AX?.mp4", "* COMMENT: a?b"] == text.splitlines()[-2:]
    assert 6 == len(text.splitlines())


def test_names_keep_their_spaces_of_any_width() -> None:
    """As Apple's screen recordings have them before AM and PM: editing programs find the file by its name."""
    name = "Screen Recording at 3.04.05\u202fPM \u65c5\u3000\u884c.mov"
    assert f"* FROM CLIP NAME: {name}" == edl(PARTS, source(Timecode(Fraction(25)), name)).splitlines()[4]


def test_a_part_without_length_has_a_frame() -> None:
    assert "00:00:00:00 00:00:00:01 00:00:00:00 00:00:00:01" in edl([EditPart(0, 0)], source(Timecode(Fraction(25))))


def times(element: ET.Element, *names: str) -> list[Fraction]:
    return [Fraction(element.attrib[name].removesuffix("s")) for name in names]


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def read_fcpxml(text: str) -> tuple[ET.Element, ET.Element, list[ET.Element]]:
    root = parsed(text)
    asset, sequence = root.find("resources/asset"), root.find("library/event/project/sequence")
    assert asset is not None
    assert sequence is not None
    return asset, sequence, sequence.findall("spine/asset-clip")


@pytest.mark.parametrize("rate", [NTSC, Fraction(25), Fraction(24000, 1001), Fraction(60)])
def test_fcpxml_times_are_rational_and_lie_on_frames(rate: Fraction) -> None:
    own = Timecode(rate, start=90_000)
    asset, sequence, clips = read_fcpxml(fcpxml(PARTS, source(own)))
    duration = times(parsed(fcpxml(PARTS, source(own))).findall("resources/format")[0], "frameDuration")[0]
    assert 1 / rate == duration
    begins, lengths, offsets = zip(*(times(clip, "start", "duration", "offset") for clip in clips), strict=True)
    assert (90_000 / rate, 90_000 / rate + round(1.2 * rate) / rate) == begins
    assert (0, lengths[0]) == offsets
    assert all(value % duration == 0 for value in (*begins, *lengths, *offsets))
    assert sum(lengths) == times(sequence, "duration")[0]
    assert [90_000 / rate, round(4000 * rate) / rate] == times(asset, "start", "duration")


def test_fcpxml_is_what_the_dtd_of_1_9_asks_for() -> None:
    """Of the elements that are used: their order, and the attributes that have to be there or may be."""
    text = fcpxml(PARTS, source(Timecode(NTSC, drop=True), heard=True))
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n')
    root = parsed(text)
    assert ("fcpxml", {"version": "1.9"}) == (root.tag, root.attrib)
    allowed = {
        "fcpxml": (["resources", "library"], {"version"}, {"version"}),
        "resources": (["format", "asset"], set(), set()),
        "format": ([], {"id"}, {"id", "frameDuration", "width", "height"}),
        "asset": (
            ["media-rep"],
            {"id"},
            {"id", "name", "start", "duration", "hasVideo", "format", "hasAudio"}
            | {"audioSources", "audioChannels", "audioRate"},
        ),
        "media-rep": ([], {"src"}, {"kind", "src"}),
        "library": (["event"], set(), set()),
        "event": (["project"], set(), {"name"}),
        "project": (["sequence"], set(), {"name"}),
        "sequence": (["spine"], {"format"}, {"format", "duration", "tcStart", "tcFormat"}),
        "spine": (["asset-clip", "asset-clip"], set(), set()),
        "asset-clip": ([], {"ref"}, {"ref", "name", "offset", "start", "duration", "tcFormat"}),
    }
    for element in root.iter():
        children, needed, may = allowed[element.tag]
        assert children == [child.tag for child in element]
        assert needed <= element.attrib.keys() <= may, element.tag
    ids = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    assert {"r1", "r2"} == ids
    assert {"DF"} == {clip.attrib["tcFormat"] for clip in root.iter("asset-clip")}
    asset = next(root.iter("asset"))
    assert ("1", "2", "48000") == tuple(asset.attrib[name] for name in ("hasAudio", "audioChannels", "audioRate"))


def test_fcpxml_names_the_file_by_its_url_and_parts_by_their_labels() -> None:
    name = 'a <b> & "c" é%20.mp4'
    asset, _, clips = read_fcpxml(
        fcpxml([EditPart(0, 1, "<sea> & sky\x07"), EditPart(1, 2)], source(Timecode(NTSC), name))
    )
    url = urlparse(asset.find("media-rep").attrib["src"])  # type: ignore[union-attr] - a missing one fails as well
    assert ("file", "") == (url.scheme, url.netloc)
    assert unquote(url.path).endswith(f"/films/{name}")
    assert ["<sea> & sky?", name] == [clip.attrib["name"] for clip in clips]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' names are text")
def test_fcpxml_takes_names_that_are_no_text() -> None:
    text = fcpxml(PARTS, source(Timecode(NTSC), "a\udcff.mp4"))
    assert "/films/a%FF.mp4" in text
    assert text.encode()


def test_losslesscut_gets_seconds_and_a_label_without_a_heading() -> None:
    text = losslesscut_csv([EditPart(0.0, 56.9568, "sea, by day"), EditPart(70, 842.33), EditPart(1, 2, 'a "b"\nc')])
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert [["0.000", "56.957", "sea, by day"], ["70.000", "842.330", ""], ["1.000", "2.000", 'a "b"?c']] == rows


def test_the_ending_says_the_format() -> None:
    own = source(Timecode(Fraction(25)))
    assert edl(PARTS, own) == edit_text(".edl", PARTS, own)
    assert fcpxml(PARTS, own) == edit_text(".fcpxml", PARTS, own)
    assert losslesscut_csv(PARTS) == edit_text(".csv", PARTS, own)


def test_nothing_found_is_an_empty_list() -> None:
    own = source(Timecode(Fraction(25)))
    assert "TITLE: bikes.mp4\nFCM: NON-DROP FRAME\n\n" == edl([], own)
    _, sequence, clips = read_fcpxml(fcpxml([], own))
    assert ("0s", []) == (sequence.attrib["duration"], clips)
    assert "" == losslesscut_csv([])
