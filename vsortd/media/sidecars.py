"""The files that belong to a video and move with it: subtitles, metadata, thumbnails, proxies; and what is left."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vsortd.core.names import nfc
from vsortd.core.sidecar_forms import PHOTO_EXTENSIONS, VIDEO_EXTENSIONS, bond, may_belong, split_name
from vsortd.core.text import storable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

# The still of a Live Photo, beside its film (.mov): the exact stem only. Beside any other video it is a photo apart.
LIVE_PHOTO_EXTENSIONS = frozenset({"heic", "heif", "png", "dng"})
_LIVE_PHOTO_FILM = "mov"
_Strength = tuple[int, int, bool]
# So many files that stay are named in a video's reason; the rest is counted.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Company:
    """What lies beside a video: `sidecars` move with it; `left` are names that stay, each with the reason, or ""."""

    sidecars: tuple[Path, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    @property
    def note(self) -> str:
        """What stays and why, for the video's reason; "" if nothing does."""
        if not self.left:
            return ""
        told = [storable(name) + (f" ({why})" if why else "") for name, why in self.left[:_NAMED]]
        more = len(self.left) - len(told)
        return f"left beside it: {', '.join(told)}{f' and {more} more' * (more > 0)}"


def find_company(
    video: Path,
    extensions: Iterable[str] = (),
    names: Iterable[str] | None = None,
    *,
    live_photo: bool = False,
    is_noise: Callable[[str], bool] = lambda _: False,
) -> Company:
    """Return the regular files beside `video` that belong to it, by name, and what stays; links never belong.

    The forms are those of `core.sidecar_forms`, names are compared by NFC. Where several videos could own a file, the
    whole name wins over the stem and the longer stem over the other; of equals (`Film.mov`, `Film.mp4`) the one that is
    left last has it. A video that lies there under this very name is preferred to its like in another Unicode form.
    `extensions` are further names of videos (without dot); `names` are those beside the video, where they are known,
    else the folder is listed. To a `live_photo` that is a .mov its still belongs, too. `is_noise` tells of what nobody
    wants to hear that it stays. Raises OSError when the folder can't be read.
    """
    videos = VIDEO_EXTENSIONS | {extension.lower().lstrip(".") for extension in extensions}
    listed = os.listdir(video.parent) if names is None else names  # noqa: PTH208 - no Path for each
    search = _Search(video, videos, [name for name in listed if name != video.name], live_photo=live_photo)
    return search.company(is_noise)


class _Search:
    """One look at what lies beside a video."""

    def __init__(self, video: Path, videos: frozenset[str], names: Sequence[str], *, live_photo: bool) -> None:
        self._video = video
        self._videos = videos
        self._names = names
        self._live_photo = live_photo
        self._rivals = [name for name in names if split_name(name)[1] in videos]
        self._by_form = {nfc(name): name for name in names}

    def company(self, is_noise: Callable[[str], bool]) -> Company:
        """Return what belongs and what stays."""
        found: set[str] = set()
        left: dict[str, str] = {}
        for name in self._names:
            if split_name(name)[1] in self._videos:
                continue
            mine = self._strength(name, self._video.name)
            if mine is None:
                if may_belong(name, self._video.name) and not is_noise(name) and not self._is_anothers(name):
                    left[name] = ""
                continue
            theirs, rival = self._best_rival(name)
            if theirs is None or theirs < mine:
                found.update([name] if self._is_file(name) else [])
            elif theirs == mine:  # an equal rival keeps the sidecar until it is the only one left
                left[name] = f"it fits {storable(rival)} as well"
        self._give_photos_their_own(found, left)
        here = self._video.parent
        return Company(tuple(here / name for name in sorted(found)), tuple(sorted(left.items())))

    def _best_rival(self, name: str) -> tuple[_Strength | None, str]:
        """Return the other video that a file fits best, and how well."""
        best: tuple[_Strength | None, str] = (None, "")
        for rival in self._rivals:
            theirs = self._strength(name, rival)
            if theirs is not None and (best[0] is None or theirs > best[0]) and self._is_file(rival):
                best = (theirs, rival)
        return best

    def _strength(self, name: str, video: str) -> _Strength | None:
        """Return how well a file fits a video; of two that are alike in NFC, the one of the same form is closer."""
        if self._live_photo and _is_still_of(name, video):
            return 1, len(split_name(video)[0]), name.startswith(video.rpartition(".")[0])
        found = bond(name, video, self._videos)
        return None if found is None else (*found.strength, name.startswith(video.rpartition(".")[0]))

    def _is_anothers(self, name: str) -> bool:
        """Tell whether a file that doesn't fit this video fits another, or is called like another file's whole name."""
        if any(bond(name, rival, self._videos) is not None for rival in self._rivals):
            return True
        return split_name(nfc(name).rpartition(".")[0])[1] != "" and nfc(name).rpartition(".")[0] in self._by_form

    def _give_photos_their_own(self, found: set[str], left: dict[str, str]) -> None:
        """Let `IMG_1.jpg.xmp` go where IMG_1.jpg goes, which is closer to it than the video."""
        for name in self._names:
            owner = self._by_form.get(nfc(name).rpartition(".")[0])
            if owner in found and split_name(owner)[1] in PHOTO_EXTENSIONS and self._is_file(name):
                found.add(name)
                left.pop(name, None)

    def _is_file(self, name: str) -> bool:
        try:
            return stat.S_ISREG((self._video.parent / name).lstat().st_mode)
        except FileNotFoundError:
            return False


def _is_still_of(name: str, video: str) -> bool:
    """Tell whether a name is that of a Live Photo's still; no other kind of video has one."""
    stem, extension = split_name(name)
    return extension in LIVE_PHOTO_EXTENSIONS and split_name(video) == (stem, _LIVE_PHOTO_FILM)
