"""How the files that belong to a video are named: one table of what cameras, players and tools write beside it.

Names are compared by NFC, stems exactly, extensions in any case. Nothing here looks at a disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from vsortd.core.late_pattern import LatePattern
from vsortd.core.names import nfc

if TYPE_CHECKING:
    from collections.abc import Iterator

# Videos in every inbox. Of other containers those count that an inbox takes: beside a Film.mp4 that moves, a Film.avi
# that is never looked at doesn't keep Film.srt.
VIDEO_EXTENSIONS = frozenset({"mp4", "mov", "m4v"})
# A file called like a photo's whole name (`IMG_1.HEIC.json`) is the photo's, not that of a video with its stem.
PHOTO_EXTENSIONS = frozenset(
    {
        "jpg",
        "jpeg",
        "heic",
        "heif",
        "hif",
        "png",
        "dng",
        "webp",
        "gif",
        "avif",
        "tif",
        "tiff",
        "cr2",
        "cr3",
        "nef",
        "arw",
    }
)


class Bond(NamedTuple):
    """How closely a file belongs to a video, and what its name adds to the video's stem (`.en.srt`, `M01.XML`)."""

    closeness: int
    stem_length: int
    tail: str

    @property
    def strength(self) -> tuple[int, int]:
        """What two bonds of one file are compared by: the whole name before the stem, then the longer stem."""
        return self.closeness, self.stem_length


@dataclass(frozen=True, slots=True)
class _Suffix:
    """What may follow a video's stem. `whole`: it may follow the whole name as well (`Film.mp4.xmp`)."""

    pattern: LatePattern
    whole: bool = True


@dataclass(frozen=True, slots=True)
class _Cousin:
    """A name that shares with its video no stem but what both patterns find. `lens`: who has it of two that do."""

    sidecar: LatePattern
    video: LatePattern


def _any_of(*extensions: str) -> str:
    return f"(?:{'|'.join(' '.join(extensions).split())})"


def _any_case(pattern: str) -> LatePattern:
    return LatePattern(pattern, re.IGNORECASE | re.DOTALL)


# A language, `forced`, `sdh`, `pt-BR`, a track number, `live_chat` …
_FLAG = r"\.[A-Za-z0-9_-]{1,16}"

# Read by players beside the film, with flags between stem and extension: Kodi, Plex, Jellyfin, mpv and VLC, each by
# its documentation of external subtitles; `srv1` to `srv3`, `json3`, `lrc`: what yt-dlp --write-subs may write.
SUBTITLES = "srt ass ssa vtt sub idx sup smi sami ttml dfxp lrc sbv stl scc mpl usf mks srv1 srv2 srv3 json3"
# Sound tracks of their own, read by mpv (--audio-file-auto) and Jellyfin (external audio). Not mp3, m4a, flac: music.
_SOUND = "mka ac3 eac3 dts"
# Metadata: XMP (Adobe, digiKam, darktable, exiftool), AAE (Apple Photos), NFO (Kodi, Jellyfin, Emby), JSON,
# description, annotations (yt-dlp, gallery-dl), TXT, EDL (mpv, Kodi, comskip), XML (Canon XF, yt-dlp).
_METADATA = "xmp aae nfo json txt xml edl description"
# Where it was: GPX, KML, FIT, TCX (GPS loggers, Garmin VIRB, telemetry extractors), NMEA, CSV (dashcams, AirData).
_TRACKS = "gpx kml kmz fit tcx nmea geojson csv"

_IMAGES = "jpg jpeg png webp tbn"
# Kodi's and Jellyfin's artwork of one film: <film>-<kind>.jpg (kodi.wiki: Artwork types; jellyfin.org: Movies, Images).
_ARTWORK = (
    "poster fanart banner thumb landscape clearlogo clearart logo disc discart backdrop cover keyart characterart art "
    "folder default movie preview"
)

_SUFFIXES: tuple[_Suffix, ...] = (
    _Suffix(_any_case(rf"(?P<flags>(?:{_FLAG})*)\.{_any_of(SUBTITLES, _SOUND, _METADATA, _TRACKS)}")),
    # Cameras, the video's own stem: thumbnails (THM: Canon, GoPro, Sony, BlackVue; JPG: many), low-resolution copies
    # (LRV: GoPro to HERO5, Insta360; LRF: DJI; GLV: Garmin VIRB; SEC: YI 4K), sound takes (WAV: GoPro's raw audio, DJI;
    # AAC: DJI), telemetry (GPS, 3GF: BlackVue; MAP, LOG: dashcams, Magic Lantern; BBL, GCSV, GYROFLOW: Betaflight and
    # Gyroflow; OSD: Walksnail, HDZero), clip data (CIF, CPF, SIF: Canon XF; BIM, PPN: Sony XDCAM; MOI: JVC, Panasonic;
    # NKSC: Nikon NX Studio).
    _Suffix(_any_case(rf"\.{_any_of('thm jpg jpeg lrv lrf glv sec wav aac gps 3gf map log bbl gcsv gyroflow osd')}")),
    _Suffix(_any_case(rf"\.{_any_of('cif cpf sif bim ppn moi nksc')}")),
    # yt-dlp: thumbnails (--write-thumbnail; with --write-all-thumbnails numbered), links (--write-link).
    _Suffix(_any_case(r"(?:\.\d{1,3})?\.webp"), whole=False),
    _Suffix(_any_case(r"\.\d{1,3}\.(?:jpg|png)"), whole=False),
    _Suffix(_any_case(r"\.(?:url|webloc|desktop)"), whole=False),
    # Kodi, Jellyfin, Emby, tinyMediaManager.
    _Suffix(_any_case(rf"-{_any_of(_ARTWORK)}\d{{0,2}}\.{_any_of(_IMAGES)}"), whole=False),
    _Suffix(_any_case(r"\.tbn|-mediainfo\.xml|-\d{2,4}-\d{1,3}\.bif"), whole=False),
    # Sony XAVC and XDCAM: C0001.MP4, C0001M01.XML (Non-Real-Time Metadata), C0001R01.BIM.
    _Suffix(_any_case(r"[MC]\d\d\.xml|R\d\d\.bim|I\d\d\.ppn"), whole=False),
)
# Sony again: C0001T01.JPG. A stem that ends otherwise could have a photo of such a name beside it by chance.
_SONY_CLIP = _any_case(r".*C\d{4}")
_SONY_THUMBNAIL = _any_case(r"T\d\d\.jpg")
# darktable and digiKam: the second and later versions of edits, Film_01.mp4.xmp.
_VERSION = _any_case(r"_\d\d(?P<video>\.\w+)\.xmp")

_COUSINS: tuple[_Cousin, ...] = (
    # GoPro since HERO6: GL010123.LRV of GX010123.MP4 (HEVC), GH010123.MP4 (AVC), GS010123.360; THM has the own stem.
    _Cousin(_any_case(r"GL(?P<key>[0-9A-Z]{2}\d{4})\.LRV"), _any_case(r"G[HXSPG](?P<key>[0-9A-Z]{2}\d{4})")),
    # Insta360: LRV_20240101_120000_01_001.lrv of VID_20240101_120000_00_001.mp4, 11 of 10 (the other lens, or both).
    _Cousin(
        _any_case(r"(?:PRO_)?LRV_(?P<key>\d{8}_\d{6})_(?:(?P<lens>\d)\d_)?(?P<more>\d{3})\.lrv"),
        _any_case(r"(?:PRO_)?VID_(?P<key>\d{8}_\d{6})_(?:(?P<lens>\d)\d_)?(?P<more>\d{3})"),
    ),
    # Apple Photos: IMG_O1234.AAE, how the original of an edited IMG_1234.MOV was shot (slow motion).
    _Cousin(_any_case(r"(?P<key>IMG_)O(?P<more>\d{4})\.aae"), _any_case(r"(?P<key>IMG_)(?P<more>\d{4})")),
    # BlackVue: 20240101_120000_N.gps and .3gf of the front, rear and inside views 20240101_120000_NF.mp4, _NR, _NI.
    _Cousin(_any_case(r"(?P<key>\d{8}_\d{6}_[A-Z])\.(?:gps|3gf)"), _any_case(r"(?P<key>\d{8}_\d{6}_[A-Z])[FRIO]S?")),
    # Zoom's cloud recordings: GMT20240101-120000_Recording.transcript.vtt of …_Recording_1920x1080.mp4.
    _Cousin(
        _any_case(r"(?P<key>GMT\d{8}-\d{6}_Recording)(?:(?:\.transcript|\.cc)?\.vtt|newChat\.txt|\.m4a)"),
        _any_case(r"(?P<key>GMT\d{8}-\d{6}_Recording)_\w*\d+x\d+"),
    ),
)

# Google Takeout: <title>.supplemental-metadata.json, before 2024 <title>.json; the part before .json is cut to 46
# characters, and a number that makes the file's name unique stands behind the cut: IMG(1).mp4 has
# IMG.mp4.supplemental-metadata(1).json (ente-io/ente#4956, TheLastGimbus/GooglePhotosTakeoutHelper#449 and #353).
_TAKEOUT = ".supplemental-metadata"
_TAKEOUT_MAX = 46
_COUNTER = LatePattern(r"(?P<before>.*)(?P<counter>\(\d{1,4}\))", re.DOTALL)

# What nobody can be sure of: `Film-en.srt`, `Film_eng.srt`, `Film.English (SDH).srt`.
_LANGUAGE = r"[-_ ][a-z]{2,3}(?:[-_][a-z]{2,4})?"
_LOOSE = _any_case(rf"(?:{_LANGUAGE}|\.[^.]{{1,40}})\.{_any_of(SUBTITLES)}")


@lru_cache(maxsize=4096)
def split_name(name: str) -> tuple[str, str]:
    """Return stem (NFC) and lower-case extension without dot, like Path.stem and Path.suffix."""
    name = nfc(name)
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if stem and dot and extension else (name, "")


def bond(sidecar: str, video: str, videos: frozenset[str] = VIDEO_EXTENSIONS) -> Bond | None:
    """Return how a file belongs to a video by their names, None if it doesn't; `videos` are extensions of videos."""
    stem, extension = split_name(video)
    own = nfc(sidecar)
    found = [_suffix_bond(own, stem, extension, videos), _takeout_bond(own, stem, extension), _cousin_bond(own, stem)]
    return max((one for one in found if one is not None), key=lambda one: one.strength, default=None)


def _suffix_bond(own: str, stem: str, extension: str, videos: frozenset[str]) -> Bond | None:
    rest = own[len(stem) :]
    closeness = _by_suffix(rest, stem, extension, videos) if own.startswith(stem) else None
    return None if closeness is None else Bond(closeness, len(stem), rest)


def _by_suffix(rest: str, stem: str, extension: str, videos: frozenset[str]) -> int | None:
    """Return how closely what follows the stem fits: 2 behind the whole name, 1 behind the stem, None not at all."""
    whole = f".{extension}"
    if extension and rest[: len(whole)].lower() == whole and _fits(rest[len(whole) :], videos, whole=True):
        return 2
    if _fits(rest, videos, whole=False):
        return 1
    version = _VERSION.compiled.fullmatch(rest)
    if version is not None and version["video"].lower() == whole:
        return 1
    return 1 if _SONY_THUMBNAIL.compiled.fullmatch(rest) and _SONY_CLIP.compiled.fullmatch(stem) else None


def _fits(rest: str, videos: frozenset[str], *, whole: bool) -> bool:
    for suffix in _SUFFIXES:
        found = suffix.pattern.compiled.fullmatch(rest) if suffix.whole or not whole else None
        if found is not None:
            flags = (found.groupdict().get("flags") or "").lower().split(".")
            return not any(flag in videos or flag in PHOTO_EXTENSIONS for flag in flags)
    return False


def _takeout_bond(own: str, stem: str, extension: str) -> Bond | None:
    """Return the bond of Takeout's metadata, None for any other file; a cut title's length says nothing."""
    base, kind = split_name(own)
    if kind != "json":
        return None
    for core, title_stem in _takeout_titles(base, stem):
        title = f"{title_stem}.{extension}"
        added = core[len(title) :]
        if core.startswith(title_stem) and core[: len(title)].lower() == title.lower() and _TAKEOUT.startswith(added):
            return Bond(2, len(stem), f".{extension}{added}.json")
        if len(title) > _TAKEOUT_MAX == len(core) and title.startswith(core):
            return Bond(2, 0, f".{extension}.json")
    return None


def _takeout_titles(base: str, stem: str) -> Iterator[tuple[str, str]]:
    """Yield what to compare: the metadata's name and the title's stem, as they are and without an equal number."""
    yield base, stem
    theirs, mine = _COUNTER.compiled.fullmatch(base), _COUNTER.compiled.fullmatch(stem)
    if theirs is not None and mine is not None and theirs["counter"] == mine["counter"]:
        yield theirs["before"], mine["before"]


def _cousin_bond(own: str, stem: str) -> Bond | None:
    for cousin in _COUSINS:
        theirs, mine = cousin.sidecar.compiled.fullmatch(own), cousin.video.compiled.fullmatch(stem)
        if theirs is None or mine is None:
            continue
        left, right = theirs.groupdict(), mine.groupdict()
        if (left["key"], left.get("more")) == (right["key"], right.get("more")):
            same_lens = left.get("lens") is not None and left.get("lens") == right.get("lens")
            tail = own[theirs.end("key") :] if not left.get("more") else ""
            dotted = tail if tail.startswith(".") else f".{own.rpartition('.')[2]}"
            return Bond(int(same_lens), 0, dotted)
    return None


def may_belong(sidecar: str, video: str) -> bool:
    """Tell whether a file looks like a video's own though no form of the table says so: then it is named and left."""
    stem, extension = split_name(video)
    own = nfc(sidecar)
    if not own.startswith(stem):
        return False
    rest = own[len(stem) :]
    bare = rest[len(extension) + 1 :] if rest.lower().startswith(f".{extension}.") else rest
    return bool(re.fullmatch(r"\.[^.]{1,12}", bare)) or _LOOSE.compiled.fullmatch(rest) is not None


# Finding them: a folder's names are kept by keys, so that one video costs a few looks in a folder of many.

_DOTS = 8
_IMAGE_OF = LatePattern(rf"(.+)-[a-z]+\d{{0,2}}\.{_any_of(_IMAGES)}|(.+)-(?:mediainfo\.xml|\d+-\d+\.bif)", re.DOTALL)
_SONY_OF = LatePattern(r"(.+)[a-z]\d\d\.(?:xml|jpg|bim|ppn)", re.DOTALL)
_VERSION_OF = LatePattern(r"(.+)_\d\d\.\w+\.xmp", re.DOTALL)
_LOOSE_OF = LatePattern(rf"(.+){_LANGUAGE}\.{_any_of(SUBTITLES)}", re.DOTALL)
_WITH_STEM_OF_THEIRS = {
    **dict.fromkeys(_IMAGES.split(), (_IMAGE_OF, _SONY_OF)),
    **dict.fromkeys(("xml", "bim", "ppn", "bif"), (_IMAGE_OF, _SONY_OF)),
    **dict.fromkeys(SUBTITLES.split(), (_LOOSE_OF,)),
    "xmp": (_VERSION_OF,),
}
# What tools put before the name of what they have not finished, and what yt-dlp puts behind the stem of a stream that
# is to be merged: see `vsortd.watch.neighbours`.
_STREAM = LatePattern(r"(.+)\.f[^.]+", re.DOTALL)
# A download that has no name yet, beside the empty file that keeps its place: Chrome's and Edge's "Unconfirmed
# 123456.crdownload", and eight random characters of Firefox before 2021.
NAMELESS_DOWNLOAD = _any_case(r"unconfirmed \d+\.crdownload|[\w-]{8}\.\w{2,4}\.part")
_NAMELESS = "/"  # their key, which no name has
_HIDING = LatePattern(r"[.~]+(?:syncthing[.~]|in\.|unison\.|pending-\d+-)?")


def video_keys(name: str) -> set[str]:
    """Return the keys under which a folder's listing has what may belong to a video (see `listing_keys`)."""
    stem, extension = split_name(name)
    folded = stem.casefold()
    found = {folded, _NAMELESS, *_cousin_keys(f"{folded}.{extension}")}
    stream = _STREAM.compiled.fullmatch(folded)
    if stream is not None:
        found.add(stream[1])
    counter = _COUNTER.compiled.fullmatch(folded)
    if counter is not None:
        found.add(counter["before"])
    title = f"{counter['before'] if counter is not None else folded}.{extension}"
    if len(title) > _TAKEOUT_MAX:
        found.add(title[:_TAKEOUT_MAX] + (counter["counter"] if counter is not None else ""))
        found.add(f"{folded}.{extension}"[:_TAKEOUT_MAX])
    return {key for key in found if key}


def listing_keys(name: str) -> set[str]:
    """Return the keys that a name is listed by: each of its beginnings before a dot, and the special ones."""
    folded = nfc(name).casefold()
    if folded[:1] in {".", "~"}:
        folded = _HIDING.compiled.sub("", folded, count=1)
    found = set(special_keys(folded))
    cut = -1
    for _ in range(_DOTS):
        cut = folded.find(".", cut + 1)
        if cut < 0:
            break
        found.add(folded[:cut])
    return found


def special_keys(folded: str) -> Iterator[str]:
    """Yield the keys that a name (NFC, case folded) shares with videos although its stem is another."""
    yield from _cousin_keys(folded)
    if folded.endswith((".part", ".crdownload")) and NAMELESS_DOWNLOAD.compiled.fullmatch(folded):
        yield _NAMELESS
    for pattern in _WITH_STEM_OF_THEIRS.get(folded.rpartition(".")[2], ()):
        found = pattern.compiled.fullmatch(folded)
        if found is not None:
            yield next(group for group in found.groups() if group is not None)


def is_many_dotted(stem: str) -> bool:
    """Tell whether a stem has so many dots that its listing is not kept by all of them."""
    return stem.count(".") >= _DOTS


_MAY_BE_COUSIN = LatePattern(r"g|(?:pro_)?(?:vid|lrv)_\d|img_|\d{8}_\d{6}_[a-z]")


def _cousin_keys(folded: str) -> Iterator[str]:
    if _MAY_BE_COUSIN.compiled.match(folded) is None:
        return
    stem = folded.rpartition(".")[0]
    for number, cousin in enumerate(_COUSINS):
        found = cousin.sidecar.compiled.fullmatch(folded) or cousin.video.compiled.fullmatch(stem)
        if found is not None:
            yield f"{number}/{found['key']}/{found.groupdict().get('more')}"
