"""XMP as text: what is written, what is amended, and what of other people's stays."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sidecars import DIGIKAM, HIERARCHICAL, SUBJECT, TAGS_LIST, THEIRS, keywords, value, without
from vsortd.filing.xmp import LARGEST_BYTES, ForeignXmpError, XmpMarks, amended, new_sidecar

if TYPE_CHECKING:
    from pathlib import Path

MARKS = XmpMarks("forest/night", ("mood:tense", "wine"), 0.8735)
# What THEIRS says, where programs look that read this list alone.
THEIR_PATHS = ("people/Oma", "forest", "Opa & Oma")
NOTHING = XmpMarks("", (), 0.0)
ADDED = ("night", "tense", "wine", "forest|night", "mood|tense", "forest/night", "mood/tense")


def amend(data: bytes, marks: XmpMarks) -> bytes:
    found = amended(data, marks)
    assert found is not None
    return found


def test_a_new_sidecar_says_it_in_each_readers_keys() -> None:
    made = new_sidecar(MARKS)
    assert ["forest", "night", "tense", "wine"] == keywords(made, SUBJECT)
    assert ["forest|night", "mood|tense", "wine"] == keywords(made, HIERARCHICAL)
    assert ["forest/night", "mood/tense", "wine"] == keywords(made, TAGS_LIST)
    assert ("forest/night", "0.8735") == (value(made, "rule"), value(made, "score"))
    assert made.startswith(b"<?xpacket begin=")
    assert made.rstrip().endswith(b'<?xpacket end="w"?>')


def read_by_exiftool(path: Path, *options: str) -> dict[str, Any]:
    if shutil.which("exiftool") is None:
        pytest.skip("no exiftool here")
    command = ["exiftool", "-json", "-struct", *options, "-XMP:all", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert "" == done.stderr
    (found,) = json.loads(done.stdout)
    return dict(found)


def test_exiftool_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "Film.mp4.xmp"
    path.write_bytes(amend(THEIRS, MARKS))
    found = read_by_exiftool(path, "-G1")
    assert ["forest", "Opa & Oma", "night", "tense", "wine"] == found["XMP-dc:Subject"]
    assert ["people|Oma", "forest|night", "mood|tense", "wine"] == found["XMP-lr:HierarchicalSubject"]
    assert [*THEIR_PATHS, "forest/night", "mood/tense", "wine"] == found["XMP-digiKam:TagsList"]
    assert ("forest/night", 0.8735) == (found["XMP-vsortd:Rule"], found["XMP-vsortd:Score"])
    assert (4, "Grün") == (found["XMP-xmp:Rating"], found["XMP-xmp:Label"])
    plain = read_by_exiftool(path)  # as programs ask for it that don't care for namespaces
    assert found["XMP-dc:Subject"] == plain["Subject"]
    assert found["XMP-digiKam:TagsList"] == plain["TagsList"]
    assert found["XMP-lr:HierarchicalSubject"] == plain["HierarchicalSubject"]


def test_exiftool_writes_into_it_and_what_is_ours_is_known_again(tmp_path: Path) -> None:
    path = tmp_path / "Film.mp4.xmp"
    path.write_bytes(new_sidecar(MARKS))
    read_by_exiftool(path)
    command = ["exiftool", "-overwrite_original", "-XMP:Rating=3", "-XMP-dc:Subject+=mine", str(path)]
    subprocess.run(command, capture_output=True, check=True, timeout=30)
    again = amend(path.read_bytes(), XmpMarks("city", (), 1.0))
    assert ["mine", "city"] == keywords(again, SUBJECT)
    assert ["mine", "city"] == keywords(again, TAGS_LIST)
    assert b">3<" in again


def test_what_others_wrote_stays_and_comes_back_alone() -> None:
    changed = amend(THEIRS, MARKS)
    assert ["forest", "Opa & Oma", "night", "tense", "wine"] == keywords(changed, SUBJECT)
    assert without(THEIRS) == without(changed, *ADDED)
    assert b"<![CDATA[<c>]]>" in changed
    assert b"one&#10;two" in changed
    back = amend(changed, NOTHING)
    assert without(THEIRS) == without(back)
    assert b"vsortd" not in back
    assert amended(back, NOTHING) is None


def test_filed_anew_only_our_former_keywords_are_replaced() -> None:
    twice = amend(amend(THEIRS, MARKS), XmpMarks("city", ("wine",), 0.5))
    assert ["forest", "Opa & Oma", "city", "wine"] == keywords(twice, SUBJECT)
    assert ["people|Oma", "city", "wine"] == keywords(twice, HIERARCHICAL)
    assert [*THEIR_PATHS, "city", "wine"] == keywords(twice, TAGS_LIST)
    assert "city" == value(twice, "rule")
    assert keywords(twice, SUBJECT) == keywords(amend(twice, XmpMarks("city", ("wine",), 0.5)), SUBJECT)


PLAIN = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"%s>%s</rdf:RDF>'
DESCRIPTION = '<rdf:Description rdf:about=""%s>%s</rdf:Description>'
DC_NAMESPACE = ' xmlns:dc="http://purl.org/dc/elements/1.1/"'


@pytest.mark.parametrize(
    ("inside", "before"),
    [
        ("", []),
        (DESCRIPTION % (DC_NAMESPACE + ' dc:subject="mine"', ""), ["mine"]),
        (DESCRIPTION % (DC_NAMESPACE, "<dc:subject>mine</dc:subject>"), ["mine"]),
        (DESCRIPTION % (DC_NAMESPACE, "<dc:subject/>"), []),
        (DESCRIPTION % (DC_NAMESPACE, "<dc:subject><rdf:Seq><rdf:li>mine</rdf:li></rdf:Seq></dc:subject>"), ["mine"]),
    ],
    ids=["no description", "an attribute", "plain text", "empty", "another kind of list"],
)
def test_other_forms_of_keywords_are_amended_too(inside: str, before: list[str]) -> None:
    changed = amend((PLAIN % ("", inside)).encode(), XmpMarks("city", (), 1.0))
    assert [*before, "city"] == keywords(changed, SUBJECT)
    assert before == keywords(amend(changed, NOTHING), SUBJECT)


def test_who_reads_one_list_alone_sees_the_keywords_of_others_in_it() -> None:
    theirs = (PLAIN % ("", DESCRIPTION % (DC_NAMESPACE + ' dc:subject="a/b|c"', ""))).encode()
    changed = amend(theirs, XmpMarks("city", (), 1.0))
    assert ["a/b|c", "city"] == keywords(changed, SUBJECT)
    assert ["a/b-c", "city"] == keywords(changed, HIERARCHICAL)
    assert ["a-b|c", "city"] == keywords(changed, TAGS_LIST)
    assert [] == keywords(amend(changed, NOTHING), HIERARCHICAL)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_the_encoding_stays(encoding: str) -> None:
    name = {"utf-8-sig": "UTF-8", "utf-16": "UTF-16"}.get(encoding, "ISO-8859-1")
    text = f'<?xml version="1.0" encoding="{name}"?>' + PLAIN % ("", DESCRIPTION % (' xmlns:o="urn:o" o:a="Grün"', ""))
    changed = amend(text.encode(encoding), XmpMarks("Wälder", (), 1.0))
    assert "Grün" in changed.decode(encoding)
    assert ["Wälder"] == keywords(changed, SUBJECT)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "can't be read as XML"),
        (b"Rating: 4", "can't be read as XML"),
        (THEIRS[:-60], "can't be read as XML"),
        (b"<movie><title>Film</title></movie>", "it is no XMP"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]>' + (PLAIN % ("", "&e;")).encode(), "it has a DTD"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/hostname">' + (PLAIN % ("", "")).encode(), "it has a DTD"),
        ((PLAIN % ("", "<a>" * 5000 + "</a>" * 5000)).encode(), "can't be read as XML"),
        (THEIRS + b" " * LARGEST_BYTES, "it is larger than 4 MiB"),
    ],
)
def test_what_is_no_xmp_is_left_alone(data: bytes, why: str) -> None:
    with pytest.raises(ForeignXmpError, match=why):
        amended(data, MARKS)


@given(
    st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map("/".join),
    st.lists(st.text(min_size=1, max_size=8), max_size=3),
)
def test_whatever_names_hold_is_written_and_goes_again(rule: str, tags: list[str]) -> None:
    marks = XmpMarks(rule, tuple(tags), 0.5)
    changed = amend(THEIRS, marks)
    assert {*THEIR_PATHS, *marks.keywords()[TAGS_LIST]} == set(keywords(changed, TAGS_LIST))
    assert {"forest", "Opa & Oma"} <= set(keywords(changed, SUBJECT))
    assert without(THEIRS) == without(amend(changed, NOTHING))


def test_the_names_that_readers_cut_paths_at_are_not_in_a_level() -> None:
    made = new_sidecar(XmpMarks("a|b/c", ("x:y/z",), 1.0))
    assert ["a-b|c", "x|y/z"] == keywords(made, HIERARCHICAL)
    assert ["a|b/c", "x/y-z"] == keywords(made, TAGS_LIST)
    assert DIGIKAM.encode() in made
