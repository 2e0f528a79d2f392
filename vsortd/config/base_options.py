"""What every level of the config file has in common."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic looks at it when it builds the models
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Strict

Flag = Annotated[bool, Strict()]

WORD, MAPPING, NUMBER = "<word>", "<mapping>", "<number>"
"""Tags of the options that take one of two shapes; pydantic puts them into the locations of its errors."""


def shape_of(value: object) -> str:
    """Tell which of its shapes a value has."""
    if isinstance(value, (dict, BaseModel)):
        return MAPPING
    return NUMBER if isinstance(value, (int, float)) and not isinstance(value, bool) else WORD


class Options(BaseModel):
    """Base of every level: frozen, no unknown keys; schemas are built when first used, for a quick start."""

    written: ClassVar[str] = ""
    """How it is written in braces, where an option takes it or a single word."""
    no_word: ClassVar[str] = ""
    """What is wrong with any other word in its place."""
    misnamed: ClassVar[Mapping[str, str]] = {}
    """The options that people call by other names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)
