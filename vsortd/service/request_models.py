"""What requests to the control API may bring: one model each, and what is said of a request that is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, Field

from vsortd.errors import UsageError
from vsortd.filing.history_query import HistoryQuery, parse_states
from vsortd.library.search.ranking import DEFAULT_TOP, DEFAULT_WINDOW_S
from vsortd.library.search.requests import Request as SearchRequest
from vsortd.service import loan_limits
from vsortd.web.request_model import Count, Moment, NothingMore, Number, RequestModel, States

if TYPE_CHECKING:
    from collections.abc import Mapping


def _file_name(text: str) -> str:
    """Refuse what no file is called; bytes that are no UTF-8 come as Python's surrogates."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ValueError("it holds characters that no file name can have") from error
    if "\0" in text:
        raise ValueError("it holds a zero byte")
    return text


def _absolute(text: str) -> str:
    """Refuse a path that would be looked for in the daemon's own working folder."""
    if not os.path.isabs(text):  # noqa: PTH117 - a text
        raise ValueError("it should be an absolute path")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]
AbsolutePath = Annotated[FileName, AfterValidator(_absolute)]
Ticket = Annotated[str, Field(min_length=1, max_length=64)]
LentText = Annotated[str, Field(max_length=loan_limits.TEXT_CHARACTERS)]


class HistoryRequest(RequestModel):
    """Which items of the history, see `filing.history_query.HistoryQuery`; `state` is a list such as `filed,review`."""

    last: Count | None = None
    since: Moment | None = None
    tag: str | None = None
    state: States | None = None
    rule: str | None = None
    text: str | None = None
    inbox: AbsolutePath | None = None
    batch: str | None = None

    @property
    def query(self) -> HistoryQuery:
        """What is asked for."""
        return HistoryQuery(
            last=self.last,
            since=self.since,
            tag=self.tag,
            states=parse_states(self.state) if self.state is not None else frozenset(),
            rule=self.rule,
            text=self.text,
            inbox=None if self.inbox is None else Path(self.inbox),
            batch=self.batch,
        )


class PauseRequest(RequestModel):
    """What to pause, and for how long, seconds."""

    inbox: FileName | None = None
    for_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @property
    def inbox_path(self) -> Path | None:
        """The inbox, None for all of them."""
        return None if self.inbox is None else Path(self.inbox)


class ResumeRequest(RequestModel):
    """What to resume."""

    inbox: FileName | None = None

    @property
    def inbox_path(self) -> Path | None:
        """The inbox, None for all of them."""
        return None if self.inbox is None else Path(self.inbox)


class UndoRequest(RequestModel):
    """What to undo; see `filing.undo.Selection`."""

    ids: list[Number] | None = None
    last: Count | None = None
    since: Moment | None = None
    batch: str | None = None
    all: bool | None = None
    dry_run: bool | None = None


class NowhereRequest(RequestModel):
    """Which item that waits for review belongs nowhere."""

    id: Number | None = None


class SetAsideRequest(RequestModel):
    """Which video to set aside, by its path or its item's id, and which one in the library is kept in its stead."""

    path: AbsolutePath | None = None
    id: Number | None = None
    keep: AbsolutePath | None = None
    batch: str | None = None

    @property
    def video(self) -> Path | int:
        """The video's path, or its item's id. Raises UsageError where not one of the two is said."""
        if (self.path is None) == (self.id is None):
            raise UsageError("The request names no video.", remedy="It takes a path or an id, one of the two.")
        return Path(self.path) if self.path is not None else self.id or 0


class ReleaseRequest(RequestModel):
    """What to release or to retry: ids or absolute paths, or all."""

    which: list[FileName] | None = None
    all: bool | None = None


class SortFilesRequest(RequestModel):
    """Which files to sort, and the fingerprint of the config by which; a ticket of the caller's own can call it off."""

    paths: list[AbsolutePath] | None = None
    config: str | None = None
    ticket: Ticket | None = None


class PreviewRulesRequest(RequestModel):
    """A config's path, its text, and the fingerprint of what was read there; `look`: look again where need be."""

    path: AbsolutePath | None = None
    text: str | None = None
    config: str | None = None
    look: bool | None = None


class StopSortingRequest(RequestModel):
    """Which sort to call off: the ticket that it was asked for with."""

    ticket: Ticket | None = None


class SceneSearchRequest(RequestModel):
    """What to look for, see `library.search.requests.Request`, and the fingerprint of the config by which."""

    prompts: list[str] | None = None
    against: list[str] | None = None
    any_of: bool | None = None
    like: list[FileName] | None = None
    window_s: Annotated[float, Field(allow_inf_nan=False)] | None = None
    top: int | None = None
    min_score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    under: FileName | None = None
    since_s: Moment | None = None
    orientation: list[str] | None = None
    sound: bool | None = None
    tag: str | None = None
    per_shot: bool | None = None
    config: str | None = None

    def wanted(self) -> SearchRequest:
        """Return what is looked for."""
        return SearchRequest(
            prompts=tuple(self.prompts or ()),
            against=tuple(self.against or ()),
            any_of=bool(self.any_of),
            like=tuple(self.like or ()),
            window_s=DEFAULT_WINDOW_S if self.window_s is None else self.window_s,
            top=DEFAULT_TOP if self.top is None else self.top,
            min_score=self.min_score,
            under=self.under,
            since_s=self.since_s,
            orientation=tuple(self.orientation or ()),
            sound=bool(self.sound),
            tag=self.tag,
            per_shot=bool(self.per_shot),
        )


class LendModelRequest(RequestModel):
    """Which model is to be lent: its name and weights as a config has them, or with `sound` the sound model's."""

    name: str | None = None
    weights: str | None = None
    sound: bool | None = None


class EmbedRequest(RequestModel):
    """Which model, by the key that it was lent by, the body's pictures or windows of sound are to be shown to."""

    model: str | None = None


class EmbedTextsRequest(RequestModel):
    """Texts to embed, and by which model; with `sound` that is the sound model."""

    model: str | None = None
    texts: Annotated[list[LentText], Field(max_length=loan_limits.TEXTS)] | None = None
    sound: bool | None = None


CALLS: Final[Mapping[str, tuple[str, type[RequestModel]]]] = {
    "status": ("GET", NothingMore),
    "health": ("GET", NothingMore),
    "metrics": ("GET", NothingMore),
    "way_in": ("POST", NothingMore),
    "history": ("GET", HistoryRequest),
    "events": ("GET", NothingMore),
    "pause": ("POST", PauseRequest),
    "resume": ("POST", ResumeRequest),
    "reload": ("POST", NothingMore),
    "undo": ("POST", UndoRequest),
    "nowhere": ("POST", NowhereRequest),
    "set_aside": ("POST", SetAsideRequest),
    "release": ("POST", ReleaseRequest),
    "retry": ("POST", ReleaseRequest),
    "search": ("POST", SceneSearchRequest),
    "preview_rules": ("POST", PreviewRulesRequest),
    "lend_model": ("POST", LendModelRequest),
    "embed_pictures": ("POST", EmbedRequest),
    "embed_windows": ("POST", EmbedRequest),
    "embed_texts": ("POST", EmbedTextsRequest),
    "sort": ("POST", SortFilesRequest),
    "stop_sorting": ("POST", StopSortingRequest),
    "scan": ("POST", NothingMore),
    "stop": ("POST", NothingMore),
}
"""Every call below /v1: its method, and what it may bring (in the query of a GET, in the body of a POST).

What `EmbedRequest` says stands in the query; the body is what is to be embedded."""
