"""The examples on disk: what counts, what is replaced, and that nothing unreadable ever counts as empty."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vsortd.core.identity import Identity
from vsortd.errors import DamagedError, StoreError
from vsortd.filing import seals
from vsortd.filing.database import Database
from vsortd.judging import example_store
from vsortd.judging.corrections import MOST_PER_RULE, select
from vsortd.judging.example_store import FORM, ExampleStore, Link, NewExample, Origin, spread_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "m/abc/80"
RULES = {"sea", "forest", "forest/night"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExampleStore]:
    with ExampleStore(tmp_path / "state" / "examples.db") as opened:
        yield opened


def new(rule: str = "sea", inode: int = 1, *, model: str = MODEL, frames: int = 3, folder: str = "/in") -> NewExample:
    from pathlib import Path

    rows = np.zeros((frames, 4), np.float32)
    rows[:, 0] = 1
    path = Path(folder) / f"{inode}.mp4"
    return NewExample(rule, path, Identity(1, inode, 100 + inode, 5), Origin.TEACH, model, rows)


def why(store: ExampleStore, *, undone: set[int] | None = None) -> dict[int, str]:
    found = select(store.all(), undone=undone or set(), model=MODEL, rules=RULES)
    return {one.taught.id: one.why_not for one in found}


def test_what_was_taught_comes_back(store: ExampleStore) -> None:
    number = store.add(new("forest/night", frames=3))
    (taught,) = store.all()
    assert (number, "forest/night", Origin.TEACH, True, MODEL, None) == (
        taught.id,
        taught.rule,
        taught.origin,
        taught.active,
        taught.model,
        taught.link,
    )
    assert np.array_equal(new(frames=3).vectors, store.vectors([number])[number])


def test_eight_frames_are_kept_spread_from_first_to_last() -> None:
    rows = np.arange(32, dtype=np.float32)[:, None]
    assert [0, 4, 9, 13, 18, 22, 27, 31] == spread_over(rows)[:, 0].tolist()
    assert 5 == len(spread_over(rows[:5]))


def test_a_video_taught_again_replaces_its_older_example(store: ExampleStore) -> None:
    first, other = store.add(new("sea")), store.add(new("sea", 2))
    second = store.add(new("forest"))
    assert {first: f"replaced by #{second}", second: "", other: ""} == why(store)


def test_undone_the_older_example_counts_again_but_forgotten_it_does_not(store: ExampleStore) -> None:
    first = store.add(new("sea"))
    second = store.add(new("forest"), link=Link(7, "mark"))
    assert {first: "", second: "its filing #7 was undone"} == why(store, undone={7})
    store.set_active([second], active=False)
    assert {first: f"replaced by #{second}", second: "forgotten"} == why(store)


def test_a_video_is_the_same_after_it_was_copied_and_converted(store: ExampleStore) -> None:
    """Its identity is another one then; the filing tells."""
    first = store.add(new("sea", 1), link=Link(7, "mark"))
    second = store.add(new("forest", 99), link=Link(8, "more"), former=Link(7, "mark"))
    stranger = store.add(new("forest", 98), former=Link(7, "of another journal"))
    assert {first: f"replaced by #{second}", second: "", stranger: ""} == why(store)


def test_what_does_not_fit_model_or_config_does_not_count(store: ExampleStore) -> None:
    other, gone = store.add(new(model="x/y/z")), store.add(new("desert", 2))
    assert {other: "of another model (x)", gone: "its rule is not in the config"} == why(store)
    nothing_known = select(store.all(), undone=(), model="", rules=RULES)
    assert "the model is not known yet" == nothing_known[-1].why_not


def test_the_newest_of_a_rule_are_enough(store: ExampleStore) -> None:
    assert MOST_PER_RULE == 64
    ids = [store.add(new("sea", number)) for number in range(MOST_PER_RULE + 2)]
    found = why(store)
    assert ids[2:] == sorted(number for number, reason in found.items() if not reason)
    assert f"the newest {MOST_PER_RULE} of its rule are enough" == found[ids[0]]


def test_every_change_of_what_counts_is_seen_by_another_process(store: ExampleStore, tmp_path: Path) -> None:
    with ExampleStore(tmp_path / "state" / "examples.db") as other:
        seen = [other.revision()]
        number = store.add(new())
        seen.append(other.revision())
        assert [number] == store.set_active([number, 99], active=False)
        seen.append(other.revision())
        assert [] == store.set_active([number], active=False)
        assert [number] == store.set_active(None, active=True)
        seen.append(other.revision())
        store.note_model("auto", MODEL)
        store.note_verdict("digest", MODEL, "{}")
        assert seen[-1] == other.revision()
        assert (MODEL, ("digest", MODEL, "{}")) == (other.model_of("auto"), other.verdict())
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("damage", ["newer", "empty", "other", "garbage", "lost"])
def test_a_record_that_cannot_be_trusted_stops_everything(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "examples.db"
    with ExampleStore(path) as store:
        store.add(new())
    if damage == "newer":
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version={FORM.version + 1}")
        db.close()
    elif damage == "other":
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA application_id=1")
        db.close()
    elif damage == "lost":
        path.rename(tmp_path / "examples.db-wal")
    else:
        path.write_bytes(b"" if damage == "empty" else b"garbage" * 1000)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(StoreError, match="record of corrections") as caught:
        ExampleStore(path)
    assert caught.value.remedy
    assert before == (path.read_bytes() if path.exists() else None)


def test_an_example_that_the_disk_changed_is_never_used(tmp_path: Path) -> None:
    """Its vectors, or its rule: where it is not noticed at the start it is when it is read."""
    path = tmp_path / "examples.db"
    with ExampleStore(path) as store:
        number = store.add(new())
        with closing(sqlite3.connect(path)) as db, db:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")
            db.execute("UPDATE example SET rule = 'another'")
        with pytest.raises(DamagedError, match=f"example #{number} is not what was written"):
            store.all()
        with pytest.raises(DamagedError, match=r"examples\.db"):
            store.vectors([number])


def test_examples_whose_newest_are_gone_stop_the_program(tmp_path: Path) -> None:
    path = tmp_path / "examples.db"
    with ExampleStore(path) as store:
        store.add(new())
    before = path.read_bytes()
    with ExampleStore(path) as store:
        store.add(new())
    path.write_bytes(before)
    with pytest.raises(DamagedError, match="has lost its newest entries"):
        ExampleStore(path)


def older(path: Path, version: int) -> None:
    """Make a file as a former vsortd did."""
    steps, since = FORM.steps[:version], {"example.none": 3}
    Database(path, replace(FORM, steps=steps, sealed={"example": example_store._SEALED}, since=since)).close()


def insert(path: Path, *rules: str) -> None:
    """Insert examples as format 2 has them."""
    row = "(time, rule, path, device, inode, size_bytes, mtime_ns, origin, video, model, dim, dtype, vectors)"
    with closing(sqlite3.connect(path)) as db, db:
        seals.teach(db)
        for number, rule in enumerate(rules, start=1):
            values = ("t", rule, b"/in/1.mp4", 1, number, 9, 5, "teach", number, MODEL, 2, "<f2", b"\0\x3c\0\0")
            db.execute(f"INSERT INTO example {row} VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 - constants
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_examples_of_the_first_format_are_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "examples.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(example_store._FIRST)
        db.execute(f"PRAGMA application_id={FORM.application_id}")
        db.execute("PRAGMA user_version=1")
    with ExampleStore(path) as store:
        number = store.add(new())
        assert [number] == [one.id for one in store.all()]


def test_examples_of_the_second_format_are_taken_over_with_their_seals(tmp_path: Path) -> None:
    path = tmp_path / "examples.db"
    older(path, 2)
    insert(path, "sea", "forest")
    with ExampleStore(path) as store:
        number = store.add(none(inode=3))
        assert [(number, True), (2, False), (1, False)] == [(one.id, one.none) for one in store.all()]
        assert [[1.0, 0.0]] == store.vectors([1])[1].tolist()
    with closing(sqlite3.connect(path)) as db:
        assert (3,) == db.execute("PRAGMA user_version").fetchone()
    with Database(path, FORM, thorough=True).read() as db:  # every row by its checksum
        assert 3 == len(db.execute("SELECT id FROM example").fetchall())


def test_damage_to_a_file_of_the_second_format_is_not_sealed_in(tmp_path: Path) -> None:
    path = tmp_path / "examples.db"
    older(path, 2)
    insert(path, "seaside")
    path.write_bytes(path.read_bytes().replace(b"seaside", b"seasick"))
    with pytest.raises(DamagedError, match="an entry is not what was written"):
        ExampleStore(path)
    with closing(sqlite3.connect(path)) as db:
        assert (2,) == db.execute("PRAGMA user_version").fetchone()


def none(under: str = "", inode: int = 1) -> NewExample:
    return replace(new(under, inode), none=True)


def test_none_is_kept_and_is_no_rule_of_that_name(store: ExampleStore) -> None:
    top, below, rule = store.add(none()), store.add(none("forest", 2)), store.add(new("none", 3))
    said = [(one.id, one.rule, one.none) for one in store.all()]
    assert [(rule, "none", False), (below, "forest", True), (top, "", True)] == said
    assert {top: "", below: "", rule: "its rule is not in the config"} == why(store)


def test_none_of_a_rule_that_is_gone_does_not_count_and_of_one_renamed_goes_along(store: ExampleStore) -> None:
    gone = store.add(none("woods"))
    assert {gone: "the rule above it is not in the config"} == why(store)
    assert 1 == store.rename_rule("woods", "forest")
    assert {gone: ""} == why(store)


def test_none_takes_the_place_of_a_rule_and_the_other_way_round(store: ExampleStore) -> None:
    first, second = store.add(new("sea")), store.add(none())
    assert {first: f"replaced by #{second}", second: ""} == why(store)
    third = store.add(new("forest"))
    assert {first: f"replaced by #{third}", second: f"replaced by #{third}", third: ""} == why(store)


def test_the_newest_of_none_are_enough_and_take_nothing_from_the_rule_above(store: ExampleStore) -> None:
    kept = store.add(new("forest", 99))
    ids = [store.add(none("forest", number)) for number in range(MOST_PER_RULE + 1)]
    found = why(store)
    assert (f"the newest {MOST_PER_RULE} of none are enough", "", "") == (found[ids[0]], found[ids[1]], found[kept])
