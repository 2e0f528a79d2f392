"""A journal with videos that ended as a test says, the rules of a config, and scripts to be run after them."""

from __future__ import annotations

import dataclasses
import stat
import sys
from typing import TYPE_CHECKING, Any

from vsortd.config.check import check_file
from vsortd.config.rules import build_rules
from vsortd.core.identity import Identity
from vsortd.core.outcomes import ConversionKind, ItemState
from vsortd.filing.journal import Journal, insert_item, new_transaction_id
from vsortd.filing.records import Item, utc
from vsortd.service.hooks.delivery_queue import DeliveryQueue

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from vsortd.config.rules import RuleTree


class HookBench:
    """The state folder of a vsortd whose videos end as a test says; use it as a context manager."""

    def __init__(self, folder: Path, after: str, *, rules: str = "rules: [{name: sea}, {name: fire}]") -> None:
        self.folder = folder
        self.state = folder / "state"
        self.tree = self.rules(after, rules)
        self._queues: list[DeliveryQueue] = []

    def __enter__(self) -> Self:
        self.journal = Journal.open(self.state / "journal.sqlite3")
        return self

    def __exit__(self, *_: object) -> None:
        for queue in self._queues:
            queue.close()
        self.journal.close()

    def rules(self, after: str, rules: str = "rules: [{name: sea}, {name: fire}]") -> RuleTree:
        """Return the rules of a config with this `after`."""
        config = self.folder / "config.yaml"
        config.write_text(f"version: 2\ninboxes: [{{path: /in}}]\nlibrary: /out\n{after}\n{rules}\n", encoding="utf-8")
        return build_rules(check_file(config).settings_or_raise())

    def queue(self, **options: Any) -> DeliveryQueue:
        """Return the deliveries, as a process that starts now has them."""
        queue = DeliveryQueue(self.journal, self.state, lambda: self.tree, **options)
        self._queues.append(queue)
        return queue

    def end(self, name: str = "a.mp4", *, state: ItemState = ItemState.FILED, rule: str = "sea", **more: Any) -> Item:
        """Let a video reach its end."""
        placed = state in {ItemState.FILED, ItemState.REVIEW}
        item = Item(
            id=0,
            batch="b",
            time=utc(),
            item_state=state,
            outcome=state if placed else ItemState.FILED,
            source=self.folder / "in" / name,
            destination=self.folder / "out" / rule / name if placed else None,
            rule=rule,
            score=0.9,
            margin=0.5,
            converted=ConversionKind.NONE,
            reason="sea 0.9",
            identity=Identity(1, 2, 3, 4),
            transaction_id=new_transaction_id(),
        )
        with self.journal.db.write() as db:
            return insert_item(db, dataclasses.replace(item, **more))

    def change(self, item: Item, **columns: object) -> None:
        """Change what the journal says of a video."""
        with self.journal.db.write() as db:
            for name, value in columns.items():
                db.execute(f"UPDATE item SET {name} = ? WHERE id = ?", (value, item.id))  # noqa: S608 - the test's own


def script(folder: Path, text: str, name: str = "hook") -> Path:
    """Write a program in Python that is run by its name."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
