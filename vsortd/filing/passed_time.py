"""How much time certainly passed: what keeps a kept original from going because a clock jumped.

The wall clock is no witness: an empty battery says 1970 until the network corrects it, a slip of a finger sets it a
year ahead. So two clocks are compared whenever it is looked. One that runs since the machine started and that nobody
sets says what certainly passed; what the wall clock says beyond that did not. Between two starts only the wall clock
says anything (the machine was off, or the clock jumped: nobody can tell): that is written down as a gap, of which a
tenth of a retention counts at most. A gap is measured from the latest time that the wall clock ever said, so that one
which goes to and fro gives nothing; only when it has said less for a day is it believed again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vsortd.core.system.machine_start import boot_name
from vsortd.core.units import format_duration
from vsortd.filing.records import utc

if TYPE_CHECKING:
    import sqlite3

    from vsortd.filing.database import Database

# Of one gap this part of a retention counts, at least so much: who keeps originals for minutes wants them gone.
GAP_PART: Final = 0.1
GAP_AT_LEAST_S: Final = 3600.0
# Clocks are corrected by less all the time; more is a jump, and so are days that nobody saw pass.
_JUMP_MS: Final = 3600 * 1000
_GAP_TOLD_MS: Final = 3 * 86400 * 1000
_BELIEVED_MS: Final = 86400 * 1000
_ROW_MS: Final = _BELIEVED_MS // 2
_MOST_MS: Final = 1 << 53  # what a wall clock says is cut off there: some 285,000 years
_UPTIME: Final = Path("/proc/uptime")


@dataclass(frozen=True, slots=True)
class Moment:
    """What the clocks say: the wall's (Unix ms), and one that nobody sets (ms), by the name of what it counts from.

    `counts_sleep`: that one goes on while the machine sleeps, so that what it doesn't tell of did not pass.
    """

    wall_ms: int
    boot: str
    boot_ms: int
    counts_sleep: bool = True

    @classmethod
    def now(cls) -> Moment:
        """Look at the clocks."""
        wall_ms = max(-_MOST_MS, min(_MOST_MS, int(time.time() * 1000)))
        up_s = _up_s()
        return cls(wall_ms, boot_name(), int(1000 * (time.monotonic() if up_s is None else up_s)), up_s is not None)


def _up_s() -> float | None:
    """Return for how long the machine has been up, also while it slept, seconds; None where that isn't known.

    proc(5): it is the kernel's word, whatever a process is made to believe of the time.
    """
    try:
        return float(_UPTIME.read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The row of the last look."""

    boot: str
    boot_ms: int
    wall_ms: int
    high_ms: int
    behind_ms: int
    item: int
    note: str


_SEEN: Final = "boot, boot_ms, wall_ms, high_ms, behind_ms, item, note"


def note_time(database: Database, now: Moment | None = None) -> str:
    """Write down what passed since the last look; returns a sentence about a jump that was noticed, else "".

    Raises StoreError.
    """
    moment = now or Moment.now()
    with database.write(lasting=False) as db:
        row = db.execute(f"SELECT {_SEEN} FROM clock").fetchone()  # noqa: S608 - constants
        (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM item").fetchone()
        if row is None:
            first = (moment.boot, moment.boot_ms, moment.wall_ms, moment.wall_ms, 0, newest, "")
            db.execute(f"INSERT INTO clock (one, {_SEEN}) VALUES (1, ?, ?, ?, ?, ?, ?, ?)", first)  # noqa: S608 - constants
            return ""
        seen = _Seen(*row)
        on = moment.boot == seen.boot  # the machine was on all the while
        ran_ms = max(0, moment.boot_ms - seen.boot_ms) if on else 0
        gap_ms, high_ms, behind_ms = _wall(seen, moment, ran_ms)
        said = _jump(seen, moment, ran_ms, gap_ms, on=on)
        # a clock without a battery tells only some time after the start how long the machine was off
        jumped = on and moment.counts_sleep and seen.wall_ms >= seen.high_ms - _JUMP_MS
        _add(db, seen.item, ran_ms, 0 if jumped else gap_ms)
        db.execute(
            f"UPDATE clock SET ({_SEEN}) = (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
            (
                moment.boot,
                moment.boot_ms,
                moment.wall_ms,
                high_ms,
                behind_ms,
                newest,
                f"{utc(moment.wall_ms / 1000)[:16]}Z: {said}" if said else seen.note,
            ),
        )
    return said


def passed_s(database: Database, item: int, keep_s: float) -> float:
    """Return how much time certainly passed since an item was entered, as far as it counts for `keep_s`, seconds."""
    most_ms = int(1000 * max(GAP_PART * keep_s, GAP_AT_LEAST_S))
    with database.read() as db:
        (counted,) = db.execute(
            "SELECT coalesce(sum(ran_ms + min(gap_ms, ?)), 0) FROM passed WHERE item >= ?", (most_ms, item)
        ).fetchone()
    return float(counted) / 1000


def last_jump(database: Database) -> str:
    """Return what was said of the last jump of the clock, with its time, "" if there was none."""
    with database.read() as db:
        row = db.execute("SELECT note FROM clock").fetchone()
    return str(row[0]) if row else ""


def _wall(seen: _Seen, moment: Moment, ran_ms: int) -> tuple[int, int, int]:
    """Return the gap, what the wall clock should not say less than from now on, and for how long it has."""
    due_ms = seen.high_ms + ran_ms
    if moment.wall_ms >= due_ms - _JUMP_MS:
        return max(0, moment.wall_ms - due_ms), max(moment.wall_ms, seen.high_ms), 0
    # where processes come and go, nothing but this clock says how long it has said so
    by_itself_ms = min(max(0, moment.wall_ms - seen.wall_ms), _BELIEVED_MS // 4)
    behind_ms = seen.behind_ms + max(ran_ms, by_itself_ms)
    if behind_ms >= _BELIEVED_MS:
        return 0, moment.wall_ms, 0
    return 0, due_ms, behind_ms


def _jump(seen: _Seen, moment: Moment, ran_ms: int, gap_ms: int, *, on: bool) -> str:
    """Say what happened to the clock, if it was more than being off over a weekend."""
    back_ms = seen.wall_ms + ran_ms - moment.wall_ms
    if back_ms > _JUMP_MS:
        return f"the clock went back by {_about(back_ms)}"
    if on and moment.counts_sleep and gap_ms > _JUMP_MS:
        return f"the clock went forward by {_about(gap_ms)}; originals are kept on"
    if gap_ms > _GAP_TOLD_MS:
        return f"the clock is {_about(gap_ms)} further than when vsortd last ran; originals are kept on"
    return ""


def _about(milliseconds: int) -> str:
    seconds = milliseconds / 1000
    return format_duration(float(round(seconds / 86400) * 86400 if seconds >= 2 * 86400 else round(seconds / 60) * 60))


def _add(db: sqlite3.Connection, item: int, ran_ms: int, gap_ms: int) -> None:
    """Add to the newest row, or begin one: a row is of half a day at most, or one gap, and of no newer item."""
    last = db.execute("SELECT id, item, ran_ms + gap_ms FROM passed ORDER BY id DESC LIMIT 1").fetchone()
    if last is not None and last[1] == item and last[2] + ran_ms + gap_ms <= _ROW_MS:
        db.execute("UPDATE passed SET ran_ms = ran_ms + ?, gap_ms = gap_ms + ? WHERE id = ?", (ran_ms, gap_ms, last[0]))
    elif ran_ms or gap_ms:
        db.execute("INSERT INTO passed (item, ran_ms, gap_ms) VALUES (?, ?, ?)", (item, ran_ms, gap_ms))
