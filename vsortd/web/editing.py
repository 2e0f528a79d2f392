"""The editor of the config: its text with what the check says of it, line by line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vsortd.setup.config_files import check_config_text

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from pathlib import Path

    from vsortd.config.diagnostics import Mistake
    from vsortd.config.settings import Settings
    from vsortd.config.yaml_lines import Document
    from vsortd.web.page import Posted


@dataclass(frozen=True, slots=True)
class EditedText:
    """A text in the editor, as its templates show it; `document` is what was read of it, once for all who ask."""

    text: str
    document: Document
    mistakes: Sequence[Mistake] = ()
    warnings: Sequence[Mistake] = ()
    settings: Settings | None = None

    @classmethod
    def checked(cls, path: Path, text: str, document: Document | None = None) -> EditedText:
        """Return a text with what is wrong with it as the config at `path`; `document` is what was read of it."""
        found = check_config_text(path, text if document is None else document)
        return cls(text, found.document, found.mistakes, found.warnings, found.settings)

    def without(self, paths: re.Pattern[str]) -> EditedText:
        """Return it without the warnings about these options, which are dealt with elsewhere."""
        return replace(self, warnings=tuple(one for one in self.warnings if not paths.fullmatch(one.path)))

    @property
    def marks(self) -> list[str]:
        """What each line is marked as: "mistake", "warning", or ""."""
        marks = [""] * (self.text.count("\n") + 1)
        for kind, found in (("warning", self.warnings), ("mistake", self.mistakes)):
            for one in found:
                if 0 < one.line <= len(marks):
                    marks[one.line - 1] = kind
        return marks

    def values(self) -> dict[str, Any]:
        """Return what the templates need."""
        return {"edited": self}


def posted_text(posted: Posted) -> str:
    """Return the text that a form brings; a form's line ends are CR LF whatever the file has."""
    return posted.one("text").replace("\r\n", "\n").replace("\r", "\n")


def difference(theirs: str, mine: str) -> str:
    """Return what differs, as diff -u says it."""
    lines = difflib.unified_diff(theirs.splitlines(), mine.splitlines(), "the file as it is", "your text", lineterm="")
    return "\n".join(lines)
