"""The judge knows at once what was taught, undone or calibrated elsewhere, and nothing that does harm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vsortd.config.rules import build_rules
from vsortd.config.settings import Place, Settings
from vsortd.core.identity import Identity
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer, FilingRequest
from vsortd.filing.undo import Selection, undo
from vsortd.judging.corrections import Lessons
from vsortd.judging.example_store import ExampleStore, Link, NewExample, Origin, examples_path
from vsortd.judging.resident_model import Judge
from vsortd.vision.prompts import LevelVectors, RuleVectors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = "m/abc/80"
OPEN = (0.5**0.5, 0.5**0.5)  # both rules alike by their texts


def settings_of(folder: Path, **more: Any) -> Settings:
    values = {"inboxes": [{"path": str(folder / "in")}], "library": str(folder / "lib"), "model": "sample"}
    return Settings.model_validate(values | {"rules": [{"name": "a"}, {"name": "b"}]} | more)


def judge_of(settings: Settings) -> Judge:
    none = np.zeros((0, 2), np.float32)
    level = LevelVectors("", ("a", "b"), np.eye(2, dtype=np.float32), (True, True), ((), ()), (), none)
    encoder: Any = SimpleNamespace(info=SimpleNamespace(key=MODEL))
    return Judge(encoder, build_rules(settings), RuleVectors({"": level}, 2, 10.0, None))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[Path, ExampleStore, Journal]]:
    with ExampleStore(examples_path(tmp_path)) as store, Journal.open(tmp_path / "journal.sqlite3") as journal:
        yield tmp_path, store, journal


def example(folder: Path, inode: int, rule: str, frame: tuple[float, float] = OPEN) -> NewExample:
    rows = np.array([frame], np.float32)
    return NewExample(rule, folder / f"{inode}.mp4", Identity(1, inode, 9, 9), Origin.TEACH, MODEL, rows)


def taught(judge: Judge) -> dict[int, int]:
    """Return how many rows of examples each rule has, by its column."""
    return {column: len(rows) for column, rows in judge.vectors.levels[""].examples.items()}


def test_what_another_process_teaches_is_known_at_the_next_judgement(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    first = lessons.applied(judge)
    assert {} == taught(first)
    assert lessons.applied(judge) is first
    with ExampleStore(examples_path(folder)) as other:
        number = other.add(example(folder, 1, "a"))
    assert {0: 1} == taught(lessons.applied(judge))
    assert ("", None) != lessons.known_verdict({"a", "b"})
    with ExampleStore(examples_path(folder)) as other:
        other.set_active([number], active=False)
    assert {} == taught(lessons.applied(judge))
    assert MODEL == lessons.present_model()


def test_an_undone_filing_takes_its_example_back_at_once(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    filer = Filer(journal, folder / "lib", Place())
    source = folder / "1.mp4"
    source.write_bytes(b"video")
    identity = Identity.of(source)
    assert identity is not None
    seen: list[dict[int, int]] = []

    def note(item: Any) -> None:
        store.add(example(folder, 1, "a"), link=Link(item.id, item.mark))
        seen.append(taught(lessons.applied(judge)))  # not yet: nothing has moved

    item = filer.place(FilingRequest(source, identity, ("a",)), by_hand=note)
    assert ([{}], {0: 1}) == (seen, taught(lessons.applied(judge)))
    undo(journal, Selection(ids=(item.id,)))
    assert {} == taught(lessons.applied(judge))
    filer.close()


def test_examples_that_do_harm_are_known_and_not_used(books: tuple[Path, ExampleStore, Journal]) -> None:
    """The numbers are those of `test_guard`: the example of b beside a right one of a would make it wrong."""
    folder, store, journal = books
    settings = settings_of(folder)
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    store.add(example(folder, 1, "a", (0.8, 0.6)))
    store.add(example(folder, 2, "b", (0.8, 0.6)))
    assert {} == taught(lessons.applied(judge))
    model, verdict = lessons.known_verdict({"a", "b"})
    assert verdict is not None
    assert (MODEL, False, (1,)) == (model, verdict.helps, verdict.lost)
    store.set_active([2], active=False)
    assert {0: 1} == taught(lessons.applied(judge))
    changed = Lessons(settings_of(folder, none_of_these=["fog"]), folder, store, journal)
    assert (MODEL, None) == changed.known_verdict({"a", "b"})  # of other rules


def test_switched_off_nothing_is_used(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder, learn={"use": False})
    store.add(example(folder, 1, "a"))
    assert {} == taught(Lessons(settings, folder, store, journal).applied(judge_of(settings)))


def test_the_temperature_is_the_configs_or_the_learned_one(books: tuple[Path, ExampleStore, Journal]) -> None:
    from vsortd.judging.calibration import Calibrated, keep_calibration

    folder, store, journal = books
    settings = settings_of(folder, temperature=2.5)
    assert 2.5 == Lessons(settings, folder, store, journal).applied(judge_of(settings)).vectors.temperature
    settings = settings_of(folder)
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    assert 1.0 == lessons.applied(judge).vectors.temperature
    keep_calibration(folder, MODEL, Calibrated(1.5, 20, "2026-11-24", 0.2, 0.1))
    assert 1.5 == lessons.applied(judge).vectors.temperature


def test_another_judge_gets_the_examples_too_and_the_same_one_nothing_new(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    store.add(example(folder, 1, "a"))
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    first = lessons.applied(judge)
    assert lessons.applied(judge) is first
    other = judge_of(settings)
    second = lessons.applied(other)
    assert (other.tree, {0: 1}) == (second.tree, taught(second))
    assert second.encoder is other.encoder
    assert lessons.applied(other) is second


def test_what_is_known_of_the_examples_holds_while_they_rules_model_and_temperature_stay(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    lessons = Lessons(settings, folder, store, journal)
    assert ("", None) == lessons.known_verdict({"a", "b"})
    store.add(example(folder, 1, "a"))
    store.add(example(folder, 2, "a"))
    lessons.applied(judge_of(settings))
    model, verdict = lessons.known_verdict({"a", "b"})
    assert verdict is not None
    assert (MODEL, 2, 2, 0, (1, 2), ()) == (
        model, verdict.videos, verdict.right_with, verdict.right_without, verdict.won, verdict.lost,
    )  # fmt: skip
    assert Lessons(settings, folder, store, journal).known_verdict({"a", "b"}) == (model, verdict)
    for changed in (
        {"temperature": 2.5},
        {"hierarchy": "leaves"},
        {"rules": [{"name": "a"}]},
        {"defaults": {"min_score": 0.9}},
    ):
        assert (MODEL, None) == Lessons(settings_of(folder, **changed), folder, store, journal).known_verdict(
            {"a", "b"}
        )
    assert (MODEL, None) == lessons.known_verdict({"b"})
    store.add(example(folder, 3, "b"))
    assert (MODEL, None) == lessons.known_verdict({"a", "b"})


def test_an_example_of_a_rule_that_is_gone_does_not_count(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    kept, gone = store.add(example(folder, 1, "a")), store.add(example(folder, 2, "gone"))
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    counted = lessons.counted(judge)
    assert [kept] == list(counted)
    assert "a" == counted[kept].rule
    assert np.allclose([OPEN], counted[kept].vectors, atol=1e-3)
    assert {kept: "", gone: "its rule is not in the config"} == {
        one.taught.id: one.why_not for one in lessons.sifted(MODEL, {"a", "b"})
    }


def test_a_model_that_was_chosen_otherwise_is_not_the_present_one(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    lessons = Lessons(settings, folder, store, journal)
    assert "" == lessons.present_model()
    lessons.applied(judge_of(settings))
    assert MODEL == lessons.present_model()
    other = settings_of(folder, model={"name": "ViT-B-32", "weights": "openai"})
    assert "" == Lessons(other, folder, store, journal).present_model()


def test_a_calibration_that_is_forgotten_leaves_the_makers_temperature(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    from vsortd.judging.calibration import Calibrated, calibration_path, keep_calibration

    folder, store, journal = books
    settings = settings_of(folder)
    lessons, judge = Lessons(settings, folder, store, journal), judge_of(settings)
    keep_calibration(folder, MODEL, Calibrated(1.5, 20, "2026-11-24", 0.2, 0.1))
    assert 1.5 == lessons.applied(judge).vectors.temperature
    calibration_path(folder).unlink()
    assert 1.0 == lessons.applied(judge).vectors.temperature
