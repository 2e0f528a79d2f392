"""What a request may bring: a model says it, and whatever is none is refused with the fields that are wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from vsortd.core.text import printable
from vsortd.core.units import FIRST_MOMENT_S, LAST_MOMENT_S
from vsortd.errors import UsageError
from vsortd.filing.history_query import parse_states
from vsortd.filing.item_ids import LARGEST_ID
from vsortd.web.plain_numbers import is_whole, plain_or_none

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_SHOWN_CHARS: Final = 80
_SHOWN_ERRORS: Final = 3


_Model = TypeVar("_Model", bound="RequestModel")


def _states(text: str) -> str:
    """Refuse what is no list of states."""
    parse_states(text)
    return text


States = Annotated[str, AfterValidator(_states)]
Number = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Count = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Moment = Annotated[float, Field(allow_inf_nan=False, ge=FIRST_MOMENT_S, le=LAST_MOMENT_S)]


class RequestModel(BaseModel):
    """A request; what it doesn't know is refused, and None counts as not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def of_query(cls, query: Mapping[str, object]) -> Self:
        """Read a query's parameters, where numbers come as texts. Raises UsageError."""
        for name, text in query.items():
            field = cls.model_fields.get(name)
            if field is not None and isinstance(text, str) and _is_wrong_number(field.annotation, text):
                raise UsageError(printable(f"{name} is {_shortened(repr(text))}: it is no number."))
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


def _is_wrong_number(kind: Any, text: str) -> bool:  # noqa: ANN401 - an annotation
    """Tell whether a number is wanted where a text is none, though pydantic might take it for one."""
    kinds = _plain_kinds(kind)
    return str not in kinds and (
        (int in kinds and not is_whole(text)) or (float in kinds and plain_or_none(text) is None)
    )


def _plain_kinds(kind: Any) -> set[Any]:  # noqa: ANN401 - an annotation
    inside = getattr(kind, "__args__", ())
    return set().union(*map(_plain_kinds, inside)) if inside else {kind}


def _sentence(wrong: ErrorDetails) -> str:
    """Say which field is wrong, what it is, and what it may be."""
    field, *inside = wrong["loc"]
    place = f"{field}{''.join(f'[{one}]' for one in inside)}"
    allowed = wrong["msg"].removeprefix("Value error, ")
    return printable(f"{place} is {_shortened(repr(wrong['input']))}: {allowed[:1].lower()}{allowed[1:]}")


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else f"{text[: _SHOWN_CHARS - 1]}…"
