"""What the page tells of the two videos of a pair, so that somebody can choose between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vsortd.core.moments import file_moment
from vsortd.core.units import about_size
from vsortd.errors import FilingError, UsageError, VideoError
from vsortd.library.duplicates.likeness import SAME_DURATION_S
from vsortd.library.duplicates.pair_check import PairRelation
from vsortd.library.duplicates.pair_sheet import clock
from vsortd.media.playable import plays_in_browser
from vsortd.pipeline.set_aside import AsideRequest, foresee_aside
from vsortd.web.media_ids import media_id, open_found

if TYPE_CHECKING:
    from vsortd.core.video_facts import Clip
    from vsortd.library.duplicates.groups import GroupMember
    from vsortd.library.duplicates.kept_duplicates import FoundPair
    from vsortd.pipeline.services import Services

_BITS: Final = 1e6
_MORE: Final = 1.02  # so much more is worth a word


@dataclass(frozen=True, slots=True)
class PairFact:
    """A fact of one video: what it is called, what it says, and what is to be said beside the other's, or ""."""

    name: str
    text: str
    beside: str = ""


@dataclass(frozen=True, slots=True)
class PairSide:
    """One video of a pair; `stays` says why it can't be set aside for the other one, or "".

    `media` is what to call it, "" where it can't be shown; `plays` says whether browsers play it as it is.
    """

    member: GroupMember
    media: str
    plays: bool
    facts: tuple[PairFact, ...]
    worth_keeping: bool
    stays: str


def sides_of(services: Services, pair: FoundPair) -> tuple[PairSide, PairSide]:
    """Return the left and the right video of a pair. Raises StoreError."""
    clips = [_clip(services, member) for member in pair.both]
    left, right = (
        PairSide(
            member,
            *_shown(services, member, clip),
            tuple(_facts(member, clip, other, other_clip)),
            member.number == pair.group.keep.number and pair.duplicate.kind is not PairRelation.ALIKE,
            why_it_stays(services, pair, member, other),
        )
        for member, clip, other, other_clip in (
            (pair.left, clips[0], pair.right, clips[1]),
            (pair.right, clips[1], pair.left, clips[0]),
        )
    )
    return left, right


def why_it_stays(services: Services, pair: FoundPair, member: GroupMember, keep: GroupMember) -> str:
    """Return why one video of a pair can't be set aside for the other, "" if it can. Raises StoreError.

    A longer one is never given up for a shorter one: what it shows besides would be gone from the library.
    """
    longer_s = member.duration_s - keep.duration_s
    if longer_s > SAME_DURATION_S or (pair.duplicate.kind is PairRelation.PART and longer_s > 0):
        return f"it is {longer_s:.1f} s longer"
    try:
        foresee_aside(services, AsideRequest(member.path, keep.path))
    except (UsageError, FilingError) as error:
        return error.title.rstrip(".")
    return ""


def _shown(services: Services, member: GroupMember, clip: Clip | None) -> tuple[str, bool]:
    """Return what to call a video on the page, and whether browsers play it."""
    named = media_id(services, member.path)
    try:
        with open_found(services, named) as opened:
            return named, clip is not None and plays_in_browser(clip, opened.media_type)
    except (UsageError, VideoError, FilingError):
        return "", False


def _clip(services: Services, member: GroupMember) -> Clip | None:
    try:
        return services.media.probe(member.path)
    except VideoError:  # it can't be read any more; the index still knows something of it
        return None


def _facts(member: GroupMember, clip: Clip | None, other: GroupMember, other_clip: Clip | None) -> list[PairFact]:
    pixels, other_pixels = (one.width_px * one.height_px for one in (member, other))
    longer = "longer" if member.duration_s - other.duration_s > SAME_DURATION_S else ""
    facts = [
        PairFact(
            "Picture", f"{member.width_px} x {member.height_px}" if pixels else "unknown", _more(pixels, other_pixels)
        ),
        PairFact("Data", f"{member.bits_per_s / _BITS:.2f} Mbit/s", _more(member.bits_per_s, other.bits_per_s)),
        PairFact("Length", clock(member.duration_s), longer),
        PairFact("Size", about_size(member.size_bytes), _more(member.size_bytes, other.size_bytes)),
    ]
    dated = file_moment(member.identity.modified_ns)
    if dated is not None:
        facts.append(PairFact("Date", f"{dated:%Y-%m-%d %H:%M}"))
    if clip is not None:
        heard = clip.audio_codec or ("sound" if clip.has_audio else "no sound")
        more = "only this one" if clip.has_audio and other_clip is not None and not other_clip.has_audio else ""
        facts += [PairFact("Codec", f"{clip.video_codec}, {clip.fps:.4g} fps"), PairFact("Sound", heard, more)]
        facts += [PairFact("Camera", clip.camera)] if clip.camera else []
    return facts


def _more(number: float, other: float) -> str:
    return "more" if number > other * _MORE else ""
