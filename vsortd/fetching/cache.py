"""Fetched videos in the state folder: each once, whole or not at all, up to a size; those used longest ago go first.

    fetched/<key>/about.json      what it is; its time is that of its last use
    fetched/<key>/Title.mp4       and Title.en.vtt beside it
    fetched/addresses/<hash>      which video an address meant
    fetched/.work-…               what is being fetched
    fetched/origins/              see `origins`

Whoever uses a video holds its `about.json` locked, shared; only what nobody holds is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.identity import Identity
from vsortd.core.names import cut, portable, without_unseen
from vsortd.core.origin import WebOrigin, one_line, without_credentials
from vsortd.core.system.atomic_file import sync_file, sync_folder, write_whole
from vsortd.core.system.private_files import private_folder
from vsortd.errors import StoreError
from vsortd.fetching.origins import keep_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.fetching.download import FetchedFiles, FoundVideo

_ABOUT, _ADDRESSES, _WORK, _GOING, _LOCK = "about.json", "addresses", ".work-", ".going-", "lock"
_TRIES: Final = 10  # to have a folder of its own: each that fails needs another process at that moment
_NAME_BYTES: Final = 150  # of a title in a file's name: endings, languages and numbers need room
_LARGEST_BYTES: Final = 64_000  # of a file of ours


@dataclass(frozen=True, slots=True)
class CachedVideo:
    """A video in the cache: its file, its subtitles with their languages, where it comes from."""

    path: Path
    subtitles: tuple[tuple[Path, str], ...]
    origin: WebOrigin


def fetched_folder(state: Path) -> Path:
    """Return where fetched videos lie in the state folder `state`."""
    return state / "fetched"


def key_of(found: FoundVideo) -> str:
    """Return the name of a video's folder: of its site and its id there, and of its page where ids are no names."""
    page = "" if found.own_ids else found.page
    return hashlib.sha256(f"{found.site}\0{found.id}\0{page}".encode("utf-8", "replace")).hexdigest()[:40]


class VideoCache:
    """The cache of one state folder. What `find` and `store` return stays until `close`. Raises StoreError."""

    def __init__(self, state: Path, most_bytes: int) -> None:
        self._state = state
        self._folder = fetched_folder(state)
        self._most_bytes = most_bytes
        self._held: dict[str, int] = {}
        self._work: list[tuple[Path, int]] = []
        with self._told():
            private_folder(self._folder)
            private_folder(self._folder / _ADDRESSES)

    def close(self) -> None:
        """Let go of all that was in use."""
        for folder, descriptor in self._work:
            os.close(descriptor)
            self._take_away(folder, _LOCK)
        for descriptor in self._held.values():
            os.close(descriptor)
        self._work.clear()
        self._held.clear()

    def find(self, key: str) -> CachedVideo | None:
        """Return a video, held and as used now, None where it isn't here."""
        about = self._folder / key / _ABOUT
        if key not in self._held:
            try:
                descriptor = os.open(about, os.O_RDONLY)
            except OSError:
                return None
            if not _lock(descriptor, alone=False):
                os.close(descriptor)  # it is being removed
                return None
            self._held[key] = descriptor
        found = _read(self._folder / key)
        if found is None:
            os.close(self._held.pop(key))
            return None
        with contextlib.suppress(OSError):  # a state folder on a full or read-only disk: it is used all the same
            os.utime(about)
        return found

    def find_address(self, address: str) -> CachedVideo | None:
        """Return the video that an address meant when it was fetched, None where it isn't here."""
        try:
            key = self._address_file(address).read_text("ascii").strip()
        except (OSError, ValueError):
            return None
        return self.find(key) if len(key) == 40 and key.isalnum() else None  # noqa: PLR2004 - as `key_of` makes them

    def working_folder(self) -> Path:
        """Return a new empty folder to fetch into, which goes at the end, or with the next one if this process dies."""
        self._remove_left()
        with self._told():
            for _ in range(_TRIES):
                if (
                    descriptor := self._locked(folder := Path(tempfile.mkdtemp(dir=self._folder, prefix=_WORK)))
                ) is not None:
                    self._work.append((folder, descriptor))
                    return folder
        raise StoreError(
            f"Nothing can be locked in {self._folder}.",
            remedy="Choose another state folder with VSORTD_STATE_DIR: this one's disk takes no locks.",
            paths=[self._folder],
        )

    def _locked(self, folder: Path) -> int | None:
        """Lock a new folder; None where that can't be done, or another process took it for a left one just before."""
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            if _lock(descriptor, alone=True) and os.path.lexists(folder / _LOCK):
                return descriptor
            os.close(descriptor)
            shutil.rmtree(folder, ignore_errors=True)
        return None

    def store(self, address: str, found: FoundVideo, files: FetchedFiles, *, anew: bool = False) -> CachedVideo:
        """Take over what was fetched, by renaming its folder; one that another process stored meanwhile stays.

        With `anew` it takes the place of what is here, unless that is in use.
        """
        key = key_of(found)
        origin = WebOrigin(
            without_credentials(found.page) or without_credentials(address),
            one_line(found.title),
            one_line(found.site),
            one_line(found.id) if found.own_ids else "",
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )
        with self._told():
            _arrange(files, origin)
            if anew or self.find(key) is None:
                self._remove(key)
            if not (self._folder / key).is_dir():
                files.folder.rename(self._folder / key)
            sync_folder(self._folder)
        stored = self.find(key)
        if stored is None:
            raise StoreError(f"What was fetched into {self._folder} is gone.", paths=[self._folder])
        self.know_origin(stored, stored.path)
        self.evict()
        return stored

    def remember(self, address: str, key: str) -> None:
        """Note which video an address means, so that it is found without asking its site."""
        with self._told():
            write_whole(self._address_file(address), key)

    def know_origin(self, video: CachedVideo, path: Path) -> None:
        """Keep where a video, or a copy of it, comes from, until it is filed."""
        identity = Identity.of(path)
        if identity is not None:
            keep_origin(self._state, identity, video.origin)

    def evict(self) -> None:
        """Remove the videos used longest ago until the rest is no larger than the limit; none that is in use."""
        entries = sorted(self._entries())
        total = sum(size for _, _, size in entries)
        for _, key, size in entries:
            if total <= self._most_bytes:
                break
            if self._remove(key):
                total -= size
        kept = {key for _, key, _ in self._entries()}
        for one in (self._folder / _ADDRESSES).iterdir():
            with contextlib.suppress(OSError, ValueError):
                if one.read_text("ascii").strip() not in kept:
                    one.unlink()

    def _entries(self) -> Iterator[tuple[float, str, int]]:
        """Yield each video's last use (Unix seconds), its key, and its bytes."""
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError):
                if not folder.name.startswith(".") and (folder / _ABOUT).is_file():
                    size = sum(one.stat().st_size for one in folder.iterdir())
                    yield (folder / _ABOUT).stat().st_mtime, folder.name, size

    def _remove(self, key: str) -> bool:
        """Remove a video unless somebody uses it; True if it is gone."""
        folder = self._folder / key
        if key in self._held or not folder.is_dir():
            return key not in self._held
        return self._take_away(folder, _ABOUT)

    def _take_away(self, folder: Path, lock: str) -> bool:
        """Remove a folder unless somebody holds its lock; True if it is gone. None sees a part of it."""
        going = self._folder / f"{_GOING}{secrets.token_hex(8)}"
        with contextlib.suppress(OSError):
            with contextlib.ExitStack() as opened:
                if (
                    folder / lock
                ).is_file() and sys.platform != "win32":  # there a folder in use can't be renamed anyway
                    descriptor = os.open(folder / lock, os.O_RDWR)
                    opened.callback(os.close, descriptor)
                    if not _lock(descriptor, alone=True):
                        return False
                folder.rename(going)
            shutil.rmtree(going, ignore_errors=True)
            return True
        return False

    def _remove_left(self) -> None:
        """Remove what processes left that died: their folders are locked by nobody."""
        for folder in self._folder.iterdir():
            if folder.name.startswith(_GOING):
                shutil.rmtree(folder, ignore_errors=True)
            elif folder.name.startswith(_WORK):
                with contextlib.suppress(OSError):
                    folder.rmdir()  # its process died, or has it back in a moment: before there was a lock
                if (folder / _LOCK).exists():
                    self._take_away(folder, _LOCK)

    def _address_file(self, address: str) -> Path:
        return self._folder / _ADDRESSES / hashlib.sha256(address.encode("utf-8", "replace")).hexdigest()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"The cache {self._folder} can't be written: {error.strerror}.",
                remedy="Make room on its disk, or choose another state folder with VSORTD_STATE_DIR.",
                paths=[self._folder],
            ) from error


def _arrange(files: FetchedFiles, origin: WebOrigin) -> None:
    """Name the files by the title, and write beside them what they are; all of it lasts. Raises OSError."""
    stem = title_name(origin.title or origin.id)
    ending = ".mov" if files.file.endswith(".mov") else ".mp4"  # .m4v is an MP4 by another name
    names = {files.file: stem + ending}
    subtitles = []
    for name, language in files.subtitles:
        names[name] = f"{stem}.{language}{Path(name).suffix}"
        subtitles.append([names[name], language])
    for old, new in names.items():
        (files.folder / old).rename(files.folder / new)
        sync_file(files.folder / new)
    for one in files.folder.iterdir():
        if one.name not in names.values():
            one.unlink()
    size = (files.folder / (stem + ending)).stat().st_size
    about = {"file": stem + ending, "size": size, "subtitles": subtitles, "origin": origin.to_json()}
    write_whole(files.folder / _ABOUT, json.dumps(about))


def title_name(title: str) -> str:
    """Return a title as a file's name without its ending, as every disk takes it."""
    name = cut(portable(without_unseen(one_line(title))).lstrip(".~ "), _NAME_BYTES).rstrip(". ")
    return name if name.strip("_ ") else "video"


def _read(folder: Path) -> CachedVideo | None:
    """Return the video of a folder, None where anything of it is not as it was written."""
    try:
        with (folder / _ABOUT).open("rb") as file:
            about: dict[str, Any] = json.loads(file.read(_LARGEST_BYTES))
        path = folder / Path(about["file"]).name
        origin = WebOrigin.from_json(about["origin"])
        if origin is None or path.lstat().st_size != about["size"]:
            return None
        named = [(folder / Path(name).name, str(language)) for name, language in about["subtitles"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return CachedVideo(path, tuple(one for one in named if one[0].is_file()), origin)


if sys.platform == "win32":

    def _lock(descriptor: int, *, alone: bool) -> bool:  # noqa: ARG001 - the same everywhere
        return True  # a folder in which a file is open can't be renamed or removed

else:
    import fcntl

    def _lock(descriptor: int, *, alone: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
