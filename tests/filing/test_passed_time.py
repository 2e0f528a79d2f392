"""What time counts towards the end of a kept original: what certainly passed, whatever the wall clock says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsortd.filing import passed_time
from vsortd.filing.journal import Journal
from vsortd.filing.originals import expire_originals
from vsortd.filing.passed_time import GAP_PART, Moment, last_jump, note_time, passed_s

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S, DAY_S = 3600, 86_400
KEEP_S = 30 * DAY_S
YEAR_S = 365 * DAY_S
NOW_S = 1_800_000_000


@dataclass
class Machine:
    """A machine with a clock that can be set, and one that can't; `true_s` is what really passed."""

    journal: Journal
    true_s: int = 0
    off_by_s: int = 0
    boot: int = 0
    began_s: int = 0

    def look(self) -> str:
        wall_ms = (NOW_S + self.true_s + self.off_by_s) * 1000
        return note_time(self.journal.db, Moment(wall_ms, f"boot {self.boot}", (self.true_s - self.began_s) * 1000))

    def run(self, seconds: int, every_s: int = 6 * HOUR_S) -> str:
        """Let a daemon run, which looks every six hours; returns the last word."""
        said = ""
        for _ in range(seconds // every_s):
            self.true_s += every_s
            said = self.look() or said
        self.true_s += seconds % every_s
        return self.look() or said

    def off(self, seconds: int) -> str:
        """Switch the machine off for a while; the daemon starts with it."""
        self.true_s += seconds
        self.boot, self.began_s = self.boot + 1, self.true_s
        return self.look()

    @property
    def passed_s(self) -> float:
        """What counts for an item that was there from the beginning."""
        return passed_s(self.journal.db, 0, KEEP_S)


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    with Journal.open(tmp_path / "journal.sqlite3") as journal:
        one = Machine(journal)
        one.look()
        yield one


def test_where_nothing_tells_the_uptime_sleep_is_not_taken_for_a_jump(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac's clock that nobody sets stands still while it sleeps."""
    assert Moment.now().counts_sleep == passed_time._UPTIME.exists()
    monkeypatch.setattr(passed_time, "_UPTIME", tmp_path / "no uptime")
    assert not Moment.now().counts_sleep


def test_a_machine_that_runs_counts_every_day(machine: Machine) -> None:
    assert "" == machine.run(KEEP_S)
    assert KEEP_S == machine.passed_s


def test_a_machine_that_is_on_for_an_hour_a_day_counts_every_day(machine: Machine) -> None:
    for _ in range(30):
        assert "" == machine.run(HOUR_S)
        assert "" == machine.off(23 * HOUR_S)
    assert KEEP_S == machine.passed_s


def test_a_jump_while_the_machine_is_on_counts_for_nothing(machine: Machine) -> None:
    for _ in range(60):  # a day ahead each time, as if nobody would notice
        machine.off_by_s += DAY_S
        machine.run(60)
    assert 3600 == machine.passed_s


def test_where_a_clock_stops_while_the_machine_sleeps_nights_count(machine: Machine) -> None:
    for _ in range(30):
        machine.true_s += HOUR_S
        machine.look()
        machine.true_s += 23 * HOUR_S
        machine.began_s += 23 * HOUR_S
        wall_ms = (NOW_S + machine.true_s) * 1000
        boot_ms = (machine.true_s - machine.began_s) * 1000
        assert "" == note_time(machine.journal.db, Moment(wall_ms, "boot 0", boot_ms, counts_sleep=False))
    assert KEEP_S == machine.passed_s


@pytest.mark.parametrize("forward_s", [2 * DAY_S, 31 * DAY_S, YEAR_S, 56 * YEAR_S])
@pytest.mark.parametrize("when", ["while it runs", "at a start"])
def test_a_jump_forward_counts_for_a_tenth_at_most_and_is_told(machine: Machine, forward_s: int, when: str) -> None:
    machine.run(5 * DAY_S)
    machine.off_by_s = forward_s
    said = machine.run(6 * HOUR_S) if when == "while it runs" else machine.off(60)
    assert machine.true_s + GAP_PART * KEEP_S + 60 >= machine.passed_s
    if forward_s > 3 * DAY_S:
        assert f"{forward_s // DAY_S // 7}w" in said or f"{forward_s // DAY_S}d" in said
        assert said in last_jump(machine.journal.db)
    for _ in range(20):
        machine.off(60)  # starts in a row give nothing
    machine.run(20 * DAY_S)
    assert KEEP_S > machine.passed_s
    machine.run(10 * DAY_S)
    assert KEEP_S <= machine.passed_s


def test_an_empty_battery_gives_nothing_however_often_the_clock_begins_in_1970(machine: Machine) -> None:
    for _ in range(10):
        true_off_by_s = machine.off_by_s
        machine.off_by_s = -NOW_S - machine.true_s  # 1970, until the network says what time it is
        machine.off(12 * HOUR_S)
        machine.true_s += 30
        machine.off_by_s = true_off_by_s
        machine.look()
        machine.run(12 * HOUR_S - 30)
    assert machine.true_s - HOUR_S <= machine.passed_s <= machine.true_s


def test_a_clock_that_goes_to_and_fro_gives_nothing_twice(machine: Machine) -> None:
    for _ in range(20):
        machine.off_by_s = YEAR_S
        machine.run(HOUR_S, HOUR_S)
        machine.off_by_s = 0
        machine.run(HOUR_S, HOUR_S)
    assert machine.true_s + GAP_PART * KEEP_S >= machine.passed_s


def test_a_clock_that_was_set_back_for_good_is_believed_after_a_day(machine: Machine) -> None:
    machine.off_by_s = YEAR_S
    machine.run(DAY_S)
    machine.off_by_s = 0
    assert "went back" in machine.run(2 * DAY_S)
    before_s = machine.passed_s
    machine.off(DAY_S)
    assert DAY_S == machine.passed_s - before_s


def test_without_a_clock_that_nobody_sets_only_the_wall_clock_counts_and_is_believed_all_the_same(
    machine: Machine,
) -> None:
    """One process after the other, where a start of the machine is not known."""
    machine.off_by_s = YEAR_S
    machine.off(0)
    machine.off_by_s = 0
    for _ in range(3 * 24):
        machine.off(HOUR_S)
    before_s = machine.passed_s
    for _ in range(24):
        machine.off(HOUR_S)
    assert DAY_S == machine.passed_s - before_s


def test_an_item_counts_from_when_it_was_seen_and_a_short_retention_ends(bench: Any) -> None:
    with bench.filer() as (filer, journal):
        filer.place(bench.request(bench.drop("a.mp4")))
        machine = Machine(journal)
        machine.look()
        machine.run(DAY_S)
        second = filer.place(bench.request(bench.drop("b.mp4"))).id
        machine.run(2)
        assert 0 == passed_s(journal.db, second, 1.0)
        machine.run(2)
        assert 2 == passed_s(journal.db, second, 1.0)
        machine.off(5)
        assert 7 == passed_s(journal.db, second, 1.0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["run", "off"]),
        st.integers(0, 3 * DAY_S),
        st.one_of(st.none(), st.integers(-60 * YEAR_S, 60 * YEAR_S)),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_nothing_that_a_clock_does_counts_for_more_than_its_jumps(tmp_path: Path, steps: Any) -> None:
    """Each jump forward for a tenth of the retention, and never less than nothing."""
    path = tmp_path / "journal.sqlite3"
    path.unlink(missing_ok=True)
    for suffix in ("-wal", "-shm", "-last"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with Journal.open(path) as journal:
        machine = Machine(journal)
        machine.look()
        jumps = 0
        for what, seconds, off_by_s in steps:
            if off_by_s is not None:
                machine.off_by_s, jumps = off_by_s, jumps + 1
            before_s = machine.passed_s
            machine.run(seconds) if what == "run" else machine.off(seconds)
            assert before_s <= machine.passed_s
        assert machine.true_s + jumps * GAP_PART * KEEP_S >= machine.passed_s


@pytest.mark.parametrize("year", [1, 1970, 2038, 9999, 250_000])
def test_a_clock_beyond_all_dates_stops_nothing(machine: Machine, year: int) -> None:
    machine.off_by_s = (year - 2027) * YEAR_S
    machine.off(60)
    machine.off_by_s = 0
    machine.off(60)
    assert GAP_PART * KEEP_S + machine.true_s >= machine.passed_s


def test_an_original_stays_when_the_clock_alone_says_that_its_time_is_over(bench: Any) -> None:
    video = bench.drop("a.mov")
    with bench.filer() as (filer, journal):
        filer.place(bench.request(video, converted=bench.stage(filer, video)))
        assert [] == expire_originals(journal, bench.library, KEEP_S, now_s=4e9)
        bench.let_pass(journal, KEEP_S - HOUR_S)
        assert [] == expire_originals(journal, bench.library, KEEP_S, now_s=4e9)
        bench.let_pass(journal, 2 * KEEP_S)
        assert 1 == len(expire_originals(journal, bench.library, KEEP_S, now_s=4e9))
