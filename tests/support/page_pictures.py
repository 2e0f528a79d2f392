"""The pictures of the page in README and docs, light and dark: `.ci/pictures page` makes them.

What is to be seen in them are the demo's own clips, which were rendered for it.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.support.browser import CLIPS, PageHome, chromium, visit

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER: Final = Path(__file__).parents[2] / ".assets"
_SIZE: Final = {"width": 1280, "height": 800}
_COLOURS: Final = 192
_LOOKS: Final = 60


def _settled(page: Page) -> None:
    page.wait_for_load_state("load")
    for _ in range(_LOOKS):
        page.wait_for_timeout(500)
        if page.evaluate("[...document.images].every((image) => image.complete)"):
            break
    page.wait_for_timeout(1500)


VIEWS: Final = {
    "live": "/",
    "review": "/review",
    "library": "/library",
    "search": "/search?q=a+forest",
    "rules": "/rules",
}
"""The address of each view that is shown."""


def main() -> None:
    """Make all pictures anew."""
    with tempfile.TemporaryDirectory(prefix="vsortd-") as folder, chromium() as browser:
        clips = sorted(path.name for path in CLIPS.iterdir() if path.suffix.lower() in {".mp4", ".mov"})
        home = PageHome.start(Path(folder) / "home", clips=clips)
        try:
            for scheme in ("light", "dark"):
                with visit(browser, home, color_scheme=scheme, device_scale_factor=1) as seen:
                    seen.page.set_viewport_size(_SIZE)  # type: ignore[arg-type]
                    for name, address in VIEWS.items():
                        seen.go(address)
                        if name == "rules":
                            seen.page.get_by_label("At least this sure (0 to 1)").fill("0.985")
                            seen.page.wait_for_timeout(3000)
                        _settled(seen.page)
                        _write(FOLDER / f"page-{name}-{scheme}.png", seen.page.screenshot())
        finally:
            home.stop()


def _write(path: Path, png: bytes) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.quantize(_COLOURS, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    sys.stdout.write(f"{path.name}: {path.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main()
