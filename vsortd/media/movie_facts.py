"""What a viewer gets of a movie, track by track: what of it is shown, and what it carries besides.

Plain values that travel from the worker processes. A conversion is planned on them, and what came of it is held against
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """One track. Times are seconds; `shown_s` is -1 where only reading the fragments would tell."""

    index: int  # libav's, as in Clip.streams; -1 where libav knows no such stream
    handler: str  # vide, soun, meta, tmcd, text, clcp …
    codec_tag: str  # the four characters of its first sample entry
    entries: int = 1  # how many sample entries it has
    boxes: dict[str, str] = field(
        default_factory=dict
    )  # those of the entry (and `tapt`) that matter, as comparable text
    samples: int = 0
    ticks: int = 0  # its time scale, a second; of sound mostly the sample rate
    edits: int = 1  # parts of it that are shown one after another; 1 without an edit list
    paced: bool = False  # an edit is shown faster, slower, or held
    hidden: int = 0  # of pictures: how many the edit list hides or begins in the middle of
    hidden_s: float = 0.0  # how much of it the edit list hides
    start_s: float = 0.0
    shown_s: float = -1.0
    last_s: float = 0.0  # of pictures: for how long the last one is shown; 0.0 where that isn't known
    enabled: bool = True
    matrix: str = ""  # how it is turned and mirrored, "" for not at all
    aspect: float = 0.0  # of the track's own width and height, 0.0 where it has none
    keys: tuple[str, ...] = ()  # of timed metadata: what it holds
    timecode: str = ""  # where it begins, how it counts; of a timecode track
    own_tags: dict[str, str] = field(default_factory=dict)  # such as the lens, kept at the track by iPhones
    unread: tuple[str, ...] = ()  # user data that libav doesn't read, as four characters each


@dataclass(frozen=True, slots=True)
class MovieFacts:
    """A whole movie: its tracks, its tags as they stand there, its chapters, and what of its user data nobody reads."""

    tracks: tuple[TrackFacts, ...]
    tags: dict[str, str] = field(default_factory=dict)
    chapters: tuple[str, ...] = ()  # begin, end (milliseconds) and title of each
    chapter_tracks: tuple[int, ...] = ()  # tracks that hold nothing but the chapters' titles or pictures
    unread: tuple[str, ...] = ()
    rate: float = 1.0  # how fast it asks to be played
    fragmented: bool = False
    demuxer: str = "mov"  # libav's name of the container
    obstacles: tuple[str, ...] = ()  # of other containers: what an MP4 could not hold or tell alike, in words

    def track(self, index: int) -> TrackFacts | None:
        """Return the track of libav's stream `index`, None if the header knows none."""
        return next((track for track in self.tracks if track.index == index), None)
