"""Whether filing is slower with a page open: `python -m tests.benchmarks.page_and_filing [--turns 5] [--out F.json]`.

One daemon with the sample model files the same backlog by turns: with nobody looking, with Live open, with Library
open, while somebody scrolls through Library's pictures, and while somebody changes a prompt in Rules and sees what
would change. The browser runs on the same processors, and draws without a graphics card. Each backlog is dropped
while the daemon is paused; the time goes from resuming to the last video's entry in the journal. The order changes
from turn to turn, so that a machine that becomes slower is no page's fault. Prints the throughput of each and its
ratio to that with nobody looking, by the medians; `--out` writes a JSON file.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.machine import facts
from tests.support.browser import CLIPS, PageHome, chromium, visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Browser, Page

WANTED: Final = 0.95
NOBODY: Final = "nobody looks"
_OPEN: Final = {"Live is open", "Library is open"}  # the others do something, which takes what it takes
_STEP_S: Final = 0.25
_serial = itertools.count(1)


def _nothing(_page: Page) -> None:
    time.sleep(_STEP_S)


def _wait(page: Page) -> None:
    page.wait_for_timeout(_STEP_S * 1000)


def _scroll(page: Page) -> None:
    page.mouse.wheel(0, 600)
    page.wait_for_timeout(_STEP_S * 1000)


def _rewrite(page: Page) -> None:
    field = page.locator("#rule-prompts")
    field.fill("ocean waves" if "sea" in field.input_value() else "sea\nbeach")
    page.wait_for_timeout(4 * _STEP_S * 1000)


LOOKERS: Final[dict[str, tuple[str, Callable[[Page], None]]]] = {
    "Live is open": ("/", _wait),
    "Library is open": ("/library", _wait),
    "Library is scrolled": ("/library", _scroll),
    "Rules are typed": ("/rules?rule=sea", _rewrite),
}


def measure(turns: int, times: int, scratch: Path) -> dict[str, list[float]]:
    """Return the throughput of each turn by who looks: videos a second."""
    home = PageHome.prepared(scratch)
    home.home.start()
    found: dict[str, list[float]] = {name: [] for name in (NOBODY, *LOOKERS)}
    try:
        with chromium() as browser:
            _backlog(home, times, lambda: time.sleep(_STEP_S))  # the first one warms up, and gives Library something
            for turn in range(turns):
                names = list(found)
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    with _looking(browser, home, name) as look:
                        found[name].append(_backlog(home, times, look))
    finally:
        home.stop()
    return found


@contextlib.contextmanager
def _looking(browser: Browser, home: PageHome, name: str) -> Iterator[Callable[[], None]]:
    """Let somebody look, or nobody; yield what they do from moment to moment."""
    if name == NOBODY:
        yield lambda: time.sleep(_STEP_S)
        return
    address, act = LOOKERS[name]
    with visit(browser, home) as seen:
        page = seen.go(address)
        yield lambda: act(page)


def _backlog(home: PageHome, times: int, look: Callable[[], None]) -> float:
    """Drop every clip of the demo so many times while the daemon is paused, and return its throughput then."""
    home.home.run("pause")
    dropped = 0
    for _ in range(times):
        for clip in sorted(CLIPS.iterdir()):
            text = f"{next(_serial):08}".encode()
            target = home.home.inbox / f"{text.decode()} {clip.name}"
            target.write_bytes(clip.read_bytes() + (8 + len(text)).to_bytes(4, "big") + b"free" + text)
            dropped += 1
    home.home.wait(lambda: dropped <= int(home.home.json("status")["queued"]), what="all is queued")
    before, begun = _newest(home), time.time()
    home.home.run("resume")
    while _newest(home) < before + dropped:
        look()
    ended = home.home.look("history", "--last", "1")["items"][0]["time"]
    return dropped / (datetime.fromisoformat(ended).timestamp() - begun)


def _newest(home: PageHome) -> int:
    items = home.home.look("history", "--last", "1")["items"]
    return int(items[0]["id"]) if items else 0


def table_of(found: dict[str, list[float]]) -> Table:
    """Return the throughputs as a table, with their ratios."""
    table = Table("who looks", "videos/s", "ratio", "wanted", box=None, pad_edge=False)
    for name, ratio in ratios(found).items():
        wanted = f"≥ {WANTED:g}" if name in _OPEN else ""
        table.add_row(name, f"{statistics.median(found[name]):.2f}", f"{ratio:.3f}", wanted)
    return table


def ratios(found: dict[str, list[float]]) -> dict[str, float]:
    """Return each median's ratio to that with nobody looking."""
    floor = statistics.median(found[NOBODY])
    return {name: statistics.median(values) / floor for name, values in found.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.page_and_filing", description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--times", type=int, default=6, help="how often each clip of the demo is in a backlog")
    parser.add_argument("--out", type=Path, help="the JSON file")
    wishes = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="vsortd-page-") as scratch:
        found = measure(wishes.turns, wishes.times, Path(scratch))
    Console(width=None if sys.stdout.isatty() else 160).print(table_of(found))
    if wishes.out is not None:
        document: dict[str, Any] = {"machine": facts(), "videos_s": found, "ratios": ratios(found), "wanted": WANTED}
        wishes.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
