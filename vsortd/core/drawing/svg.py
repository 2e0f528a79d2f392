"""A recorded console as an SVG picture that loads nothing from anywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def svg_of(out: Console, *, title: str) -> str:
    """Return what a recording console printed, as an SVG whose fonts are the viewer's own.

    rich embeds addresses of web fonts; a picture in a README has no business to fetch them.
    """
    svg = out.export_svg(title=title)
    return re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
