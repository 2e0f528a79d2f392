"""Second opinions in the journal: which undecided videos have none yet, and writing one down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vsortd.filing.records import ITEM_COLUMNS, Item, item_of, to_blob
from vsortd.filing.second_opinion import Opinion

if TYPE_CHECKING:
    from vsortd.filing.journal import Journal

# Rows that are looked at in one query.
_PAGE = 200


def note_opinion(journal: Journal, item: Item, opinion: Opinion) -> bool:
    """Write what was said of an undecided video into its item, in the place of what was said before.

    Returns False, and writes nothing, if the video is no longer undecided where it was when it was asked about, or
    somebody is at work on it. Raises StoreError.
    """
    with journal.db.write() as db:
        row = db.execute(
            f"SELECT {ITEM_COLUMNS} FROM item WHERE id = ? AND state = 'review' AND standing AND owner IS NULL"  # noqa: S608 - constants
            " AND destination = ?",
            (item.id, to_blob(item.destination)),
        ).fetchone()
        if row is None:
            return False
        detail = {**item_of(row).detail, Opinion.KEY: opinion.to_json()}
        db.execute("UPDATE item SET detail = ? WHERE id = ?", (json.dumps(detail, ensure_ascii=True), item.id))
    return True


def without_opinion(journal: Journal, model: str, address: str, *, after: int, most: int) -> tuple[list[int], int]:
    """Return the numbers of undecided videos that this model at this address said nothing of, the oldest first.

    At most `most` of those behind the item `after`; also returned is behind which item to go on. Raises StoreError.
    """
    found: list[int] = []
    while len(found) < most:
        with journal.db.read() as db:
            rows = db.execute(
                f"SELECT {ITEM_COLUMNS} FROM item WHERE state IN ('filed', 'review') AND state = 'review' AND standing"  # noqa: S608 - constants
                " AND owner IS NULL AND id > ? ORDER BY id LIMIT ?",
                (after, _PAGE),
            ).fetchall()
        for item in map(item_of, rows):
            after = item.id
            said = item.second_opinion
            if said is None or (said.model, said.address) != (model, address):
                found.append(item.id)
            if len(found) == most:
                break
        if len(rows) < _PAGE:
            break
    return found, after
