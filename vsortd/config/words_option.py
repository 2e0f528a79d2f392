"""An option that holds words to be looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from vsortd.config.value_types import TextKind, wrong
from vsortd.core.word_match import SoughtWords
from vsortd.errors import UsageError


@dataclass(frozen=True)
class Words(TextKind):
    """Words as `vsortd search --said` takes them."""

    what: ClassVar[str] = "words to look for, such as birthday"

    def check(self, text: str) -> str:  # noqa: D102
        try:
            SoughtWords.parse(text, option="said")
        except UsageError as error:
            raise wrong("there is no word in this, or too many") from error
        return text
