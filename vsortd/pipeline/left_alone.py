"""What a command over folders passes over: videos whose ending their inbox's `extensions` does not name."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.core.paths import as_on_disk, is_folder
from vsortd.pipeline.gathering import inbox_of
from vsortd.watch.candidates import NameRules
from vsortd.watch.other_videos import count_endings, left_alone_line
from vsortd.watch.scan import ScanPlan, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsortd.config.settings import Settings
    from vsortd.core.documents import LeftAlone


@dataclass(frozen=True, slots=True)
class LeftAloneVideos:
    """How many there are of each ending, and the `extensions` that left them out: () where inboxes differ in them."""

    by_ending: LeftAlone
    extensions: tuple[str, ...]

    @property
    def line(self) -> str:
        """One sentence for people, without its full stop; "" where there are none."""
        return left_alone_line(self.by_ending, self.extensions)


def left_alone(settings: Settings, paths: Sequence[Path]) -> LeftAloneVideos:
    """Count what lies in the folders among `paths` and below; a folder that can't be read counts nothing."""
    counts: Counter[str] = Counter()
    options: set[tuple[str, ...]] = set()
    for folder in _outermost(paths):
        inbox = inbox_of(settings, folder)
        rules = NameRules(inbox.extensions, inbox.ignore)
        try:
            others = scan(ScanPlan(folder, rules, recursive=True)).others
        except OSError:  # the command itself has told of it
            continue
        if others:
            counts.update(count_endings(others))
            options.add(tuple(map(str, inbox.extensions)))
    return LeftAloneVideos(
        dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), options.pop() if len(options) == 1 else ()
    )


def _outermost(paths: Sequence[Path]) -> list[Path]:
    """Return the folders among `paths`, each once, without those that lie in another one."""
    absolute = (as_on_disk(Path(os.path.abspath(path))) for path in paths)  # noqa: PTH100 - resolve() would follow links
    folders = [path for path in dict.fromkeys(absolute) if is_folder(path)]
    return [one for one in folders if not any(one != other and one.is_relative_to(other) for other in folders)]
