"""What downloads and sync tools leave beside a video, or call it, as long as it is not finished: one table.

A tool that writes two files tells by the one that the other is not ready: an empty placeholder and the data in
`X.mp4.part`, a file of full length and what is missing in `X.mp4.aria2`, streams apart that are merged in the end.
Names are compared by NFC and in any case. Nothing here looks at a disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.names import nfc
from vsortd.core.sidecar_forms import NAMELESS_DOWNLOAD

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name that says that a video is not finished.

    `in_place`: the video under its own name is what is worked on, so however whole it looks, it is not as long as the
    neighbour is there. Otherwise it is a placeholder, or an older version that the neighbour will replace.
    """

    name: str
    in_place: bool = False


# What is appended to the name of a file until it is whole.
PARTIAL_ENDINGS: Final = frozenset(
    {
        ".part",  # Firefox, yt-dlp, JDownloader, KIO, Transmission, Nextcloud's server, gallery-dl, KDE Connect
        ".partial",  # Internet Explorer, rclone (X.mp4.1a2b3c4d.partial), abraunegg's onedrive, Shareaza
        ".partial~",  # Sonarr and Radarr (DiskTransferService)
        ".crdownload",  # Chrome, Edge, Brave, Vivaldi
        ".download",  # Safari (a folder), you-get
        ".opdownload",  # Opera
        ".filepart",  # WinSCP
        ".tmp",
        ".temp",
        ".!ut",  # µTorrent
        ".!qb",  # qBittorrent
        ".!bt",  # BitTorrent
        ".bc!",  # BitComet
        ".az!",  # Vuze
        ".!sync",  # Resilio Sync
        ".bts",  # BitTorrent Sync
        ".aria2",
        ".ytdl",  # yt-dlp, youtube-dl: how far fragments have come
        ".unconfirmed",
        ".drivedownload",  # Google Drive
        ".fdmdownload",  # Free Download Manager
        ".dtapart",  # DownThemAll!
        ".xltd",  # Thunder (Xunlei), before that .td
        ".td",
        ".downloading",  # Baidu Netdisk (.baiduyun.p.downloading), Quark (.qkdownloading is its own)
        ".qkdownloading",
        ".lftp",  # lftp, xfer:use-temp-file
        ".cyberducksegment",
        ".ffs_tmp",  # FreeFileSync
        ".unfinished",
        ".incomplete",
    }
)
# Endings that tools put before the real one: X.temp.mp4 (yt-dlp and other users of ffmpeg).
_INNER_ENDINGS: Final = frozenset(
    {
        *(".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".tmp", ".temp", ".!ut"),
        *(".!qb", ".!bt", ".aria2", ".ytdl", ".unconfirmed"),
    }
)
# Files that say how far another one has come, which has its own name and often its full length already.
_STATE_ENDINGS: Final = (
    ".aria2",  # aria2, Motrix, Persepolis, AriaNg: removed once X.mp4 is whole (aria2c(1), Control File)
    ".aria2__temp",
    ".st",  # axel
    ".lftp-pget-status",  # lftp pget
    ".xltd.cfg",
    ".td.cfg",
)
# macOS keeps a file that a program saves beside the old one in such a folder: X.mp4.sb-1a2b3c4d-Xyz123.
_SAFE_SAVE: Final = re.compile(r"\.sb-[0-9a-f]{8}-\w{6}$", re.IGNORECASE)
# yt-dlp -N: X.mp4.part-Frag3.part.
_FRAGMENT: Final = re.compile(r"\.part-frag\d+(?:\.part)?$", re.IGNORECASE)
# SABnzbd unpacks into such a folder and renames it in the end.
_UNPACKING: Final = "_unpack_"
# A dot hides a name (`.DS_Store`, `._Film.mp4`, `.stfolder`, `.Trash-1000`, `.vsortd`, rsync's `.Film.mp4.Xq3b2a`); a
# tilde marks what editors, Syncthing and OneDrive have not finished.
HIDING_PREFIXES: Final = (".", "~")
# The same with the whole name of a file within: rsync (.X.mp4.Xq3b2a), Nextcloud and ownCloud (.X.mp4.~1a2b3c4d),
# Syncthing (.syncthing.X.mp4.tmp, on Windows ~syncthing~X.mp4.tmp), ProFTPD (.in.X.mp4.), Unison (.unison.X.mp4.….tmp),
# Android's MediaStore (.pending-1700000000-X.mp4), iCloud's (.X.mp4.icloud).
_HIDDEN: Final = re.compile(
    r"(?:~syncthing~|\.(?:syncthing\.|in\.|unison\.|pending-\d+-)?)(?P<name>.+?)"
    r"(?:\.[a-z0-9]{6}|\.~[0-9a-f]+|\.tmp|\.|\.[0-9a-f]+\.unison\.tmp|\.icloud|\.part|)",
    re.IGNORECASE | re.DOTALL,
)
# What yt-dlp and youtube-dl call the streams of X.mp4 until they are merged: X.f137.mp4, X.fhls-1080p.mp4
# (`prepend_extension` with "f" and the format's id), and SponsorBlock's uncut one.
_STREAM: Final = re.compile(r"(?P<base>.+)\.f(?:\d{1,5}|hls|dash|http|video|mp4)[\w=+-]*", re.IGNORECASE | re.DOTALL)
# Between the video's stem and the ending of what is not finished: a language, a format, Firefox's eight random
# characters. A blank would make it another name.
_BETWEEN: Final = re.compile(r"(?:\.[\w=+-]{1,24}){0,3}")


def is_unfinished_name(name: str) -> bool:
    """Tell whether a file's or folder's own name says that it is not finished."""
    lower = name.lower()
    if lower.startswith(_UNPACKING) or _SAFE_SAVE.search(lower) or _FRAGMENT.search(lower):
        return True
    stem, ending = _split(lower)
    return ending in PARTIAL_ENDINGS or _split(stem)[1] in _INNER_ENDINGS


def state_of_folder(folder: str) -> str:
    """Return the name by which aria2 says that a torrent's folder is not whole yet; it lies beside the folder."""
    return f"{folder}.aria2"


def is_stream(video: str) -> bool:
    """Tell whether a name is that of a stream that will be merged with others."""
    return _STREAM.fullmatch(_split(video)[0]) is not None


def is_mark(name: str) -> bool:
    """Tell whether a name may say that another one is not finished; of any other `neighbour_of` makes nothing."""
    lower = name.lower()
    return lower.startswith(HIDING_PREFIXES) or lower.endswith(_STATE_ENDINGS) or is_unfinished_name(lower)


def nameless_download(names: Iterable[str]) -> Neighbour | None:
    """Return a download without a name of its own among these; what is empty may be keeping its place."""
    return next((Neighbour(name) for name in names if NAMELESS_DOWNLOAD.compiled.fullmatch(name)), None)


def neighbour_of(video: str, names: Iterable[str]) -> Neighbour | None:
    """Return the one of the names beside a video that says most surely that it is not finished, None if none does."""
    own = nfc(video).lower()
    found: Neighbour | None = None
    for name in names:
        if name != video and (one := _neighbour(own, name)) is not None and (found is None or one.in_place):
            found = one
            if found.in_place:
                break
    return found


def _neighbour(own: str, name: str) -> Neighbour | None:
    lower = nfc(name).lower()
    stem, _ = _split(own)
    if lower.startswith(own) and lower[len(own) :] in _STATE_ENDINGS:
        return Neighbour(name, in_place=True)
    if lower.startswith(HIDING_PREFIXES):
        hidden = _HIDDEN.fullmatch(lower)
        return Neighbour(name) if hidden is not None and hidden["name"] == own else None
    stream = _STREAM.fullmatch(stem)
    base = stem if stream is None else stream["base"]
    if not lower.startswith(base) or not is_unfinished_name(lower):
        return None
    between = _without_endings(lower[len(base) :])
    return Neighbour(name, in_place=stream is not None) if _BETWEEN.fullmatch(between) else None


def _without_endings(rest: str) -> str:
    """Return what of a name stands between its stem and the endings that say that it is not finished."""
    rest = _FRAGMENT.sub("", _SAFE_SAVE.sub("", rest))
    cut, ending = _split(f"x{rest}")
    return cut[1:] if ending in PARTIAL_ENDINGS else rest


def _split(name: str) -> tuple[str, str]:
    """Return stem and ending (with its dot), like os.path.splitext; strings, for the scan's hot loop."""
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem else (name, "")
