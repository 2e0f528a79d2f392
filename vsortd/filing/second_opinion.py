"""A second opinion, as it is kept in the details of an item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vsortd.core.documents import OpinionDocument

BY_OPINION: Final = "by the second opinion of"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model elsewhere said of a video that the rules were unsure of; kept in its item's details, under KEY.

    `rule` is the key that it named, "" for none; `why` its sentence, on one line; `address` the server's host and port.
    """

    KEY: ClassVar[str] = "second_opinion"

    rule: str
    why: str
    model: str
    address: str
    time: str

    @classmethod
    def of(cls, detail: Mapping[str, Any]) -> Opinion | None:
        """Take it out of an item's details, None where there is none."""
        found = detail.get(cls.KEY)
        return cls(**found) if found else None

    @property
    def sentence(self) -> str:
        """Who says what, for people."""
        said = self.rule or "none of your rules"
        return f"{self.model} at {self.address} says: {said}" + (f" \N{EN DASH} '{self.why}'" if self.why else "")

    @property
    def reason(self) -> str:
        """Why a video was filed by it, for the history."""
        return f"{BY_OPINION} {self.model} at {self.address}" + (f": {self.why}" if self.why else "")

    def to_json(self) -> OpinionDocument:
        """Return it as it is kept, and as `--json` prints it."""
        return {
            "rule": self.rule,
            "why": self.why,
            "model": self.model,
            "address": self.address,
            "time": self.time,
        }
