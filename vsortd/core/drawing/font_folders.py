"""Where the systems keep their fonts; imports nothing that draws."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def font_folders() -> list[Path]:
    """Return the folders of this machine's fonts, the user's own first; they need not be there."""
    home = Path.home()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        own = [Path(local, "Microsoft", "Windows", "Fonts")] if local else []
        return [*own, Path(os.environ.get("WINDIR", "C:\\Windows"), "Fonts")]
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    data = os.environ.get("XDG_DATA_HOME") or str(home / ".local/share")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [home / ".fonts", *(Path(one, "fonts") for one in (data, *shared.split(":")) if one)]
