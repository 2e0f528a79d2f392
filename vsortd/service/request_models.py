"""What requests to the control API may bring: one model each, and what is said of a request that is none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vsortd.core.text import printable
from vsortd.core.units import FIRST_MOMENT_S, LAST_MOMENT_S
from vsortd.errors import UsageError
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.library.search.ranking import DEFAULT_TOP, DEFAULT_WINDOW_S
from vsortd.library.search.requests import Request as SearchRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_SHOWN_CHARS = 80
_SHOWN_ERRORS = 3


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
Number = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Count = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Moment = Annotated[float, Field(allow_inf_nan=False, ge=FIRST_MOMENT_S, le=LAST_MOMENT_S)]


class RequestModel(BaseModel):
    """A request; what it doesn't know is refused, and None counts as not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Self:
        """Read a query's parameters, where numbers come as texts. Raises UsageError."""
        return _validated(cls, dict(query), strict=False)

    @classmethod
    def of_body(cls, body: bytes) -> Self:
        """Read a body: one JSON object, or nothing. Raises UsageError."""
        try:
            document = json.loads(body or b"{}")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"The request is no JSON: {error}.") from error
        if not isinstance(document, dict):
            raise UsageError("The request is no JSON object.")
        return _validated(cls, document, strict=True)


class NothingMore(RequestModel):
    """A request that its path says all of."""


class HistoryRequest(RequestModel):
    """Which items of the history; `since` is in Unix seconds."""

    last: Count | None = None
    since: Moment | None = None
    tag: str | None = None


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


class ReleaseRequest(RequestModel):
    """What to release or to retry: ids or absolute paths, or all."""

    which: list[FileName] | None = None
    all: bool | None = None


class SortFilesRequest(RequestModel):
    """Which files to sort, and the fingerprint of the config by which; a ticket of the caller's own can call it off."""

    paths: list[AbsolutePath] | None = None
    config: str | None = None
    ticket: Ticket | None = None


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
        )


CALLS: Final[Mapping[str, tuple[str, type[RequestModel]]]] = {
    "status": ("GET", NothingMore),
    "health": ("GET", NothingMore),
    "metrics": ("GET", NothingMore),
    "history": ("GET", HistoryRequest),
    "events": ("GET", NothingMore),
    "pause": ("POST", PauseRequest),
    "resume": ("POST", ResumeRequest),
    "reload": ("POST", NothingMore),
    "undo": ("POST", UndoRequest),
    "nowhere": ("POST", NowhereRequest),
    "release": ("POST", ReleaseRequest),
    "retry": ("POST", ReleaseRequest),
    "search": ("POST", SceneSearchRequest),
    "sort": ("POST", SortFilesRequest),
    "stop_sorting": ("POST", StopSortingRequest),
    "scan": ("POST", NothingMore),
    "stop": ("POST", NothingMore),
}
"""Every call below /v1: its method, and what it may bring (in the query of a GET, in the body of a POST)."""

_Model = TypeVar("_Model", bound=RequestModel)


def _validated(model: type[_Model], values: dict[str, Any], *, strict: bool) -> _Model:
    """Return the request of some values. Raises UsageError: each field that is wrong, and what it may be."""
    if unknown := sorted(values.keys() - model.model_fields.keys()):
        known = ", ".join(model.model_fields)
        raise UsageError(
            printable(f"The request says {_shortened(', '.join(unknown))}, which is not known here."),
            remedy=f"Known are: {known}." if known else "It takes none.",
        )
    try:
        return model.model_validate(values, strict=strict)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        more = f"; and {len(wrong) - _SHOWN_ERRORS} more" if len(wrong) > _SHOWN_ERRORS else ""
        raise UsageError(f"{'; '.join(map(_sentence, wrong[:_SHOWN_ERRORS]))}{more}.") from None


def _sentence(wrong: ErrorDetails) -> str:
    """Say which field is wrong, what it is, and what it may be."""
    field, *inside = wrong["loc"]
    place = f"{field}{''.join(f'[{one}]' for one in inside)}"
    allowed = wrong["msg"].removeprefix("Value error, ")
    return printable(f"{place} is {_shortened(repr(wrong['input']))}: {allowed[:1].lower()}{allowed[1:]}")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
