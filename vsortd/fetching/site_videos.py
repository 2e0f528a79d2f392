"""yt-dlp as it is used here: no config, plugins, cookies, other programs or proxies. Runs in `worker` alone."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yt_dlp
from yt_dlp.networking import _urllib
from yt_dlp.utils import DownloadCancelled

from vsortd.core.units import about_size
from vsortd.fetching.guard import READ_ONLY_FILES, Guard
from vsortd.fetching.site_errors import SiteError, SiteErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Info = dict[str, Any]
"""What yt-dlp says of a video."""

_FILES: Final = ("mp4", "mov", "m4v")  # what vsortd reads
_SUBTITLES: Final = ("srt", "vtt", "ass", "ttml")
# A language as sidecars have it behind the stem: see `vsortd.core.sidecar_forms`.
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")
_LIVE: Final = {
    "is_live": "it is live, and nobody knows its end",
    "is_upcoming": "it has not begun yet",
    "post_live": "it was live a moment ago, and is not whole yet",
}
_TRANSPORT_STREAM: Final = b"\x47"  # each packet of one begins with it (ISO 13818-1)
# What an MP4 or MOV can begin with (ISO 14496-12; QuickTime File Format).
_FIRST_BOXES: Final = frozenset({b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"})
_MOST_SUBTITLES: Final = 40
_SOCKET_TIMEOUT_S: Final = 20
_TRIES: Final = 2  # again, after a connection broke


@dataclass(frozen=True, slots=True)
class SiteWish:
    """What is asked for: `playlist` is how many of several videos are taken, 0 for none of several."""

    address: str
    playlist: int
    max_bytes: int
    ffmpeg: str
    best: bool = False


class SiteVideos:
    """The videos at one address; `say` gets progress."""

    def __init__(self, wish: SiteWish, guard: Guard, say: Callable[..., None]) -> None:
        self._wish, self._guard, self._say = wish, guard, say
        self._alone = True  # there is one video at the address
        setattr(_urllib.UrllibRH, "_SUPPORTED_URL_SCHEMES", ("https", "data"))  # noqa: B010 - no option says so
        self._downloader = yt_dlp.YoutubeDL(self._options())

    def find(self) -> list[Info]:
        """Return the videos at the address, not looked at yet where there are several. Raises SiteError."""
        with self._told():
            found = self._extracted(self._wish.address)
            while found and found.get("_type") in {"url", "url_transparent"}:
                found = _with_outer(self._extracted(found["url"], found.get("ie_key")), found)
            if found and found.get("_type", "video") == "video":
                return [found]
            entries = self._entries(found) if found else []
        if not found or not entries:
            raise SiteError("there is no video in it", "no_video")
        if len(entries) == 1 or self._wish.playlist:
            return entries[: max(1, self._wish.playlist)]
        title = str(found.get("title") or "")[:200]
        what = f"it holds several videos ({title})" if title else "it holds several videos"
        raise SiteError(f"{what}; --playlist fetches them", "playlist")

    def _extracted(self, address: str, site: str | None = None) -> Info | None:
        found: Info | None = self._downloader.extract_info(address, ie_key=site, download=False, process=False)
        return found

    def _entries(self, found: Info) -> list[Info]:
        """Return the videos of a playlist, no more than are wanted; where none is, two tell that it is one."""
        entries: list[Info] = []
        self._alone = False
        for entry in found.get("entries") or ():
            if entry:
                entries.append(dict(entry))
            if len(entries) >= max(2, self._wish.playlist):
                break
        for number, entry in enumerate(entries, 1):
            for name in ("extractor", "extractor_key", "webpage_url"):
                if found.get(name):
                    entry.setdefault(name, found[name])
            entry.setdefault("playlist_index", number)
        return entries

    def look_at(self, found: Info) -> Info:
        """Return all that is known of a video, its form chosen. Raises SiteError, also for what is live."""
        self._guard.begin_video(self._wish.max_bytes)
        with self._told():
            info: Info | None = self._downloader.process_ie_result(found, download=False)
        if info and info.get("_type", "video") != "video":
            raise SiteError("it holds several videos in its turn; name one of them")
        if not info:
            raise SiteError("there is no video in it", "no_video")
        if why := _LIVE.get(str(info.get("live_status") or ("is_live" if info.get("is_live") else ""))):
            raise SiteError(why, "live")
        self._insist_on_size(info)
        return info

    def named(self, info: Info) -> Info:
        """Return what tells a video from all others, and its title."""
        return {
            "site": str(info.get("extractor_key") or info.get("extractor") or "generic"),
            "id": str(info.get("id") or ""),
            "title": self._title(info),
            "page": str(info.get("webpage_url") or self._wish.address),
            "own_ids": self._has_own_ids(str(info.get("extractor_key") or "")),
        }

    def _title(self, info: Info) -> str:
        """Return the title; where a page has one video it is the page's, which yt-dlp numbers all the same."""
        title = str(info.get("title") or "")
        counted = info.get("extractor_key") == "HTML5MediaEmbed" and self._alone
        return title.removesuffix(" (1)") if counted else title

    def _has_own_ids(self, site: str) -> bool:
        """Tell whether a site's ids name its videos; those of pages of any site are parts of file names."""
        try:
            extractor = self._downloader.get_info_extractor(site)
        except (KeyError, AttributeError):
            return False
        return site != "Generic" and bool(extractor._VALID_URL)  # noqa: SLF001 - False for embeds in any page

    def fetch(self, info: Info, folder: str) -> Info:
        """Fetch a video into a folder below this one; returns its file's name and its subtitles'. Raises SiteError."""
        subtitles = info.pop("requested_subtitles", None) or {}
        with self._told():
            os.mkdir(folder)  # noqa: PTH102 - names, not paths, go through here
            self._downloader.params["outtmpl"] = {"default": os.path.join(folder, "video.%(ext)s")}  # noqa: PTH118
            self._downloader.process_info(info)
            names = [one.name for one in Path(folder).iterdir() if one.suffix[1:] in _FILES and one.stem == "video"]
            if len(names) != 1:
                raise SiteError("nothing was sent that is a video", "no_video")
            self._insist_on_mp4(Path(folder, names[0]))
            return {"file": names[0], "subtitles": list(self._subtitles(info, subtitles, folder))}

    def _insist_on_mp4(self, path: Path) -> None:
        """See that it is an MP4 or MOV; put what came as pieces of MPEG-TS (HLS) into one. Raises SiteError."""
        with path.open("rb") as file:
            begin = file.read(8)
        if begin[4:] in _FIRST_BOXES:
            return
        if begin[:1] != _TRANSPORT_STREAM:
            raise SiteError("what was sent is no MP4 or MOV, whatever it is called", "no_video")
        if not self._wish.ffmpeg:
            raise SiteError("it comes as MPEG-TS, and there is no ffmpeg that makes an MP4 of it", "ffmpeg")
        made = path.with_name("joined.mp4")
        command = [self._wish.ffmpeg, "-nostdin", "-loglevel", "error", *READ_ONLY_FILES, "-i", f"file:{path}"]
        done = subprocess.run(
            [*command, "-c", "copy", "-movflags", "+faststart", f"file:{made}"], capture_output=True, check=False
        )
        if done.returncode:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:]
            raise SiteError(f"ffmpeg can't make an MP4 of it ({said})", "ffmpeg")
        made.replace(path)

    def _subtitles(self, info: Info, wanted: Info, folder: str) -> Iterator[Info]:
        """Fetch the subtitles that people made; what can't be had is left out, for the video is here."""
        for language, one in list(wanted.items())[:_MOST_SUBTITLES]:
            ending = str(one.get("ext"))
            if not _LANGUAGE.fullmatch(language) or ending not in _SUBTITLES:
                continue
            name = f"video.{language}.{ending}"
            path = Path(folder, name)
            try:
                if one.get("data") is not None:
                    path.write_text(str(one["data"]), encoding="utf-8", newline="")
                else:
                    wish = {"http_headers": info.get("http_headers"), **one}
                    self._downloader.dl(str(path), wish, subtitle=True)
            except Exception:  # noqa: BLE001 - a site's subtitles may be odd in any way
                path.unlink(missing_ok=True)
            if path.is_file():
                yield {"name": name, "language": language}

    def _insist_on_size(self, info: Info) -> None:
        forms = info.get("requested_formats") or [info]
        size = sum(form.get("filesize") or form.get("filesize_approx") or 0 for form in forms)
        if size > self._wish.max_bytes:
            raise SiteError(self._too_large(size), "size")

    def _too_large(self, size: float) -> str:
        return (
            f"it has {about_size(size)}, more than `fetch: {{max_size: …}}` allows ({about_size(self._wish.max_bytes)})"
        )

    def _progress(self, now: Info) -> None:
        done, total = int(now.get("downloaded_bytes") or 0), now.get("total_bytes")
        if max(done, int(total or 0)) > self._wish.max_bytes:
            raise DownloadCancelled(self._too_large(max(done, int(total or 0))))
        self._say("progress", done=done, total=int(total or now.get("total_bytes_estimate") or 0))

    def _told(self) -> SiteErrors:
        return SiteErrors(self._guard)

    def _options(self) -> Info:
        joined = "bv*[ext=mp4]+ba[ext=m4a]"
        whole = "/".join(f"b[ext={ending}]" for ending in _FILES)
        forms = [whole] if not self._wish.ffmpeg else [joined, whole] if self._wish.best else [whole, joined]
        return {
            "quiet": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _Silent(),
            "format": "/".join(forms),
            "merge_output_format": "mp4",
            "noplaylist": not self._wish.playlist,
            "cachedir": False,
            "proxy": "",
            "socket_timeout": _SOCKET_TIMEOUT_S,
            "retries": _TRIES,
            "fragment_retries": _TRIES,
            "extractor_retries": _TRIES,
            "file_access_retries": 0,
            "skip_unavailable_fragments": False,
            "hls_prefer_native": True,
            "external_downloader": {"default": "native"},
            "js_runtimes": {},
            "remote_components": [],
            "ffmpeg_location": self._wish.ffmpeg or os.devnull,
            "postprocessor_args": {"merger+ffmpeg_i": list(READ_ONLY_FILES)},
            "fixup": "never",  # it would look at files by ffprobe, unheld; what needs it is done here
            "writesubtitles": True,
            "subtitleslangs": ["all", "-live_chat"],
            "subtitlesformat": "/".join(_SUBTITLES),
            "updatetime": False,
            "allow_unplayable_formats": False,
            "check_formats": False,
            "nopart": False,
            "progress_hooks": [self._progress],
            # where the environment names certificates, those alone are trusted
            "compat_opts": {"no-certifi"} if {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys() else set(),
        }


def _with_outer(inner: Info | None, outer: Info) -> Info | None:
    """Return what an address leads to, with what a page around it says, as yt-dlp's `process_ie_result` merges them.

    That would also look at every video of a playlist before it is known which are wanted.
    """
    if inner is None or outer["_type"] == "url":
        return inner
    own = {"_type", "url", "ie_key"}
    if not outer.get("section_end") and outer.get("section_start") is None:  # a part of a video has an id of its own
        own |= {"id", "extractor", "extractor_key"}
    merged = inner | {name: value for name, value in outer.items() if value is not None and name not in own}
    if merged.get("_type") == "url":
        merged["_type"] = "url_transparent"
    return merged


class _Silent:
    """Where yt-dlp's messages go: what matters is raised."""

    def debug(self, message: str) -> None:
        """Do nothing."""

    info = warning = error = debug
