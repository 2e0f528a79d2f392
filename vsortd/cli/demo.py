"""`vsortd demo`: see it work before you trust it with anything."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from vsortd.cli.common import console
from vsortd.cli.front.declared import Option
from vsortd.core.output import is_quiet
from vsortd.errors import ExitCode


def demo(
    keep: Annotated[bool, Option("--keep", help="Leave the demo's folder behind to look at.")] = False,
    picture: Annotated[
        Path | None, Option("--out", "-o", metavar="PATH", help="Save the output as a picture: OUT.svg.")
    ] = None,
) -> int:
    """See it work: clips are filed, explained and taken back.

    A dozen clips are dropped, the real daemon files them, everything is undone, and hashes prove it.
    """
    from vsortd.doctor.demo_run import Demo

    out = console()
    out.record = picture is not None
    out.quiet = is_quiet() and not out.record
    folder = Path(tempfile.mkdtemp(prefix="vsortd-demo-"))
    try:
        ok = Demo(folder, out).play()
        if picture is not None:
            from vsortd.core.drawing.svg import svg_of

            picture.write_text(svg_of(out, title="vsortd demo"), encoding="utf-8")
    finally:
        if keep:
            out.print(f"Kept: {folder}", style="dim")
        else:
            shutil.rmtree(folder)
    if not ok and out.quiet:
        console(stderr=True).print("The demo failed. Without --quiet it shows where: vsortd demo", style="red")
    return int(ExitCode.OK if ok else ExitCode.FAILURE)
