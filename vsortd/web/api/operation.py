"""What an operation of the page's API is: asked how, answered with what, done by which function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from vsortd.filing.item_ids import LARGEST_ID
from vsortd.web.answers import NotThereError
from vsortd.web.plain_numbers import is_whole
from vsortd.web.request_model import RequestModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.pipeline.services import Services
    from vsortd.web.page import Page

Asked = TypeVar("Asked", bound=RequestModel)
Brought_co = TypeVar("Brought_co", bound=RequestModel, covariant=True)

VERSION: Final = "/v1"


def _digits(text: object) -> object:
    """Refuse what Python takes for a number besides the digits 0 to 9."""
    if not (isinstance(text, str) and is_whole(text)):
        raise ValueError("it is no number")
    return text


ItemId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
HexId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
VideoId = Annotated[str, Field(pattern=r"^([0-9]{1,19}|v[0-9]{1,19}-[0-9a-f]{16})$")]
Millisecond = Annotated[int, Field(ge=0, le=9_999_999_999)]

PLACEHOLDERS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "item": TypeAdapter(Annotated[ItemId, BeforeValidator(_digits)]),
    "job": TypeAdapter(HexId),
    "pair": TypeAdapter(HexId),
    "group": TypeAdapter(Annotated[ItemId, BeforeValidator(_digits)]),
    "id": TypeAdapter(VideoId),
    "ms": TypeAdapter(Annotated[Millisecond, BeforeValidator(_digits)]),
}
"""What stands for a placeholder of a path: always an id or a number, never a name or a path of a file."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Brought_co]):
    """A request to an operation: what it asks, and what stands at the placeholders of its path."""

    page: Page
    request: Request
    asked: Brought_co
    placed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def services(self) -> Services:
        """The services as they are now."""
        return self.page.host.services

    @property
    def item(self) -> int:
        """The item's number that the path names."""
        number: int = self.placed["item"]
        return number


@dataclass(frozen=True, slots=True)
class ApiOperation(Generic[Asked]):
    """One operation. `answers` is the type of its JSON, None for an answer of another `media_type`.

    `run` may answer by itself, with headers. `refusals` says by which other statuses it may answer, and when. `brings`
    is the type of a body that is no JSON, "" where it is. With `elsewhere` a view has the route already, and the
    operation is only described.
    """

    name: str
    method: str
    path: str
    summary: str
    asks: type[Asked]
    answers: Any
    run: Callable[[Call[Asked]], Any] | None = None
    status: int = 200
    media_type: str = "application/json"
    refusals: Mapping[int, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    brings: str = ""
    elsewhere: bool = False
    stream: Callable[[Page, Request], Response] | None = None

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in the braces of the path."""
        return tuple(part[1:-1] for part in self.path.split("/") if part.startswith("{"))

    @property
    def in_query(self) -> bool:
        """Whether what it asks stands in the query, not in a body."""
        return self.method == "GET"


def placed(found: Mapping[str, str]) -> dict[str, Any]:
    """Return what stands at a path's placeholders. Raises NotThereError."""
    try:
        return {name: PLACEHOLDERS[name].validate_python(text) for name, text in found.items()}
    except ValidationError as error:
        raise NotThereError("There is nothing by this id.", remedy="GET /v1/items lists the videos.") from error
