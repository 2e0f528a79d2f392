"""Packages that a process of ours doesn't find, as where an extra is not installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def without_packages(folder: Path, *names: str) -> dict[str, str]:
    """Return what to put into a process's environment so that it finds none of these packages.

    Python imports what is written into the folder before anything else, and takes None among its modules for "there is
    none".
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(f"import sys\nsys.modules.update(dict.fromkeys({names!r}))\n")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
