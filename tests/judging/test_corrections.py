"""The classifier knows at once what was taught, undone or calibrated elsewhere, and nothing that does harm."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vsortd.config.place_options import Place
from vsortd.config.rules import build_rules
from vsortd.config.settings import Settings
from vsortd.core.identity import Identity
from vsortd.filing.journal import Journal
from vsortd.filing.place import Filer
from vsortd.filing.placement import FilingRequest
from vsortd.filing.undo import Selection, undo
from vsortd.judging.corrections import Corrections
from vsortd.judging.example_store import ExampleStore, Link, NewExample, Origin, examples_path
from vsortd.judging.resident_model import Classifier
from vsortd.vision.prompts import LevelVectors, RuleVectors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from vsortd.filing.records import Item
    from vsortd.judging.example_store import Taught

MODEL = "m/abc/80"
OPEN = (0.5**0.5, 0.5**0.5)  # both rules alike by their texts


def settings_of(folder: Path, **more: Any) -> Settings:
    values = {"inboxes": [{"path": str(folder / "in")}], "library": str(folder / "lib"), "model": "sample"}
    return Settings.model_validate(values | {"rules": [{"name": "a"}, {"name": "b"}]} | more)


def judge_of(settings: Settings) -> Classifier:
    none = np.zeros((0, 2), np.float32)
    level = LevelVectors("", ("a", "b"), np.eye(2, dtype=np.float32), (True, True), ((), ()), (), none)
    encoder: Any = SimpleNamespace(info=SimpleNamespace(key=MODEL))
    return Classifier(encoder, build_rules(settings), RuleVectors({"": level}, 2, 10.0, None))


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[Path, ExampleStore, Journal]]:
    with ExampleStore(examples_path(tmp_path)) as store, Journal.open(tmp_path / "journal.sqlite3") as journal:
        yield tmp_path, store, journal


def example(folder: Path, inode: int, rule: str, frame: tuple[float, float] = OPEN) -> NewExample:
    rows = np.array([frame], np.float32)
    return NewExample(rule, folder / f"{inode}.mp4", Identity(1, inode, 9, 9), Origin.TEACH, MODEL, rows)


def taught(classifier: Classifier) -> dict[int, int]:
    """Return how many rows of examples each rule has, by its column."""
    return {column: len(rows) for column, rows in classifier.vectors.levels[""].examples.items()}


def test_what_another_process_teaches_is_known_at_the_next_judgement(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    first = corrections.applied(classifier)
    assert {} == taught(first)
    assert corrections.applied(classifier).vectors is first.vectors
    with ExampleStore(examples_path(folder)) as other:
        number = other.add(example(folder, 1, "a"))
    assert {0: 1} == taught(corrections.applied(classifier))
    assert ("", None) != corrections.known_verdict({"a", "b"})
    with ExampleStore(examples_path(folder)) as other:
        other.set_active([number], active=False)
    assert {} == taught(corrections.applied(classifier))
    assert MODEL == corrections.present_model()


def filed(folder: Path, journal: Journal, by_hand: Callable[[Item], None]) -> Item:
    """File a video into the folder of rule a."""
    filer = Filer(journal, folder / "lib", Place())
    source = folder / "1.mp4"
    source.write_bytes(b"video")
    identity = Identity.of(source)
    assert identity is not None
    with contextlib.closing(filer):
        return filer.place(FilingRequest(source, identity, ("a",)), by_hand=by_hand)


def test_an_undone_filing_takes_its_example_back_at_once(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    seen: list[dict[int, int]] = []

    def note(item: Item) -> None:
        store.add(example(folder, 1, "a"), link=Link(item.id, item.transaction_id))
        seen.append(taught(corrections.applied(classifier)))  # not yet: nothing has moved

    item = filed(folder, journal, note)
    assert ([{}], {0: 1}) == (seen, taught(corrections.applied(classifier)))
    undo(journal, Selection(ids=(item.id,)))
    assert {} == taught(corrections.applied(classifier))


class SlowStore(ExampleStore):
    """A real store that does something between reading the examples, or their vectors, and returning them."""

    after_all: Callable[[], object] | None = None
    after_vectors: Callable[[], object] | None = None

    def all(self) -> list[Taught]:
        found = super().all()
        self._once("after_all")
        return found

    def vectors(self, numbers: Collection[int]) -> dict[int, Any]:
        found = super().vectors(numbers)
        self._once("after_vectors")
        return found

    def _once(self, when: str) -> None:
        work = getattr(self, when)
        setattr(self, when, None)
        if work is not None:
            work()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Path, SlowStore, Journal]]:
    with SlowStore(examples_path(tmp_path)) as store, Journal.open(tmp_path / "journal.sqlite3") as journal:
        yield tmp_path, store, journal


def test_an_undone_filing_counts_no_more_though_another_looked_before_it_was_taught(
    slow: tuple[Path, SlowStore, Journal],
) -> None:
    """What `vsortd corrections` read before takes nothing from what the classifier knows of the examples."""
    folder, store, journal = slow
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    has_read, goes_on = threading.Event(), threading.Event()
    store.after_all = lambda: (has_read.set(), goes_on.wait(10))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(corrections.selected, MODEL, {"a", "b"})
        assert has_read.wait(10)
        item = filed(
            folder, journal, lambda item: store.add(example(folder, 1, "a"), link=Link(item.id, item.transaction_id))
        )
        assert {0: 1} == taught(corrections.applied(classifier))
        goes_on.set()
        assert [] == other.result(10)
    undo(journal, Selection(ids=(item.id,)))
    assert {} == taught(corrections.applied(classifier))


def test_a_filing_undone_while_its_example_is_read_counts_no_more(slow: tuple[Path, SlowStore, Journal]) -> None:
    folder, store, journal = slow
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    item = filed(
        folder, journal, lambda item: store.add(example(folder, 1, "a"), link=Link(item.id, item.transaction_id))
    )
    store.after_vectors = lambda: undo(journal, Selection(ids=(item.id,)))
    corrections.applied(classifier)
    assert {} == taught(corrections.applied(classifier))


def test_examples_that_do_harm_are_known_and_not_used(books: tuple[Path, ExampleStore, Journal]) -> None:
    """The numbers are those of `test_guard`: the example of b beside a right one of a would make it wrong."""
    folder, store, journal = books
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    store.add(example(folder, 1, "a", (0.8, 0.6)))
    store.add(example(folder, 2, "b", (0.8, 0.6)))
    assert {} == taught(corrections.applied(classifier))
    model, verdict = corrections.known_verdict({"a", "b"})
    assert verdict is not None
    assert (MODEL, False, (1,)) == (model, verdict.helps, verdict.lost)
    store.set_active([2], active=False)
    assert {0: 1} == taught(corrections.applied(classifier))
    changed = Corrections(settings_of(folder, none_of_these=["fog"]), folder, store, journal)
    assert (MODEL, None) == changed.known_verdict({"a", "b"})  # of other rules


def test_switched_off_nothing_is_used(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder, learn={"use": False})
    store.add(example(folder, 1, "a"))
    assert {} == taught(Corrections(settings, folder, store, journal).applied(judge_of(settings)))


def test_the_temperature_is_the_configs_or_the_learned_one(books: tuple[Path, ExampleStore, Journal]) -> None:
    from vsortd.judging.calibration import Calibrated, keep_calibration

    folder, store, journal = books
    settings = settings_of(folder, temperature=2.5)
    assert 2.5 == Corrections(settings, folder, store, journal).applied(judge_of(settings)).vectors.temperature
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    assert 1.0 == corrections.applied(classifier).vectors.temperature
    keep_calibration(folder, MODEL, Calibrated(1.5, 20, "2026-11-24", 0.2, 0.1))
    assert 1.5 == corrections.applied(classifier).vectors.temperature


def test_another_judge_gets_the_examples_too_and_the_same_one_nothing_new(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    store.add(example(folder, 1, "a"))
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    first = corrections.applied(classifier)
    assert corrections.applied(classifier).vectors is first.vectors
    other = judge_of(settings)
    second = corrections.applied(other)
    assert (other.tree, {0: 1}) == (second.tree, taught(second))
    assert second.encoder is other.encoder
    assert corrections.applied(other).vectors is second.vectors


def test_what_is_known_of_the_examples_holds_while_they_rules_model_and_temperature_stay(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    corrections = Corrections(settings, folder, store, journal)
    assert ("", None) == corrections.known_verdict({"a", "b"})
    store.add(example(folder, 1, "a"))
    store.add(example(folder, 2, "a"))
    corrections.applied(judge_of(settings))
    model, verdict = corrections.known_verdict({"a", "b"})
    assert verdict is not None
    assert (MODEL, 2, 2, 0, (1, 2), ()) == (
        model, verdict.videos, verdict.right_with, verdict.right_without, verdict.won, verdict.lost,
    )  # fmt: skip
    assert Corrections(settings, folder, store, journal).known_verdict({"a", "b"}) == (model, verdict)
    for changed in (
        {"temperature": 2.5},
        {"hierarchy": "leaves"},
        {"rules": [{"name": "a"}]},
        {"defaults": {"min_score": 0.9}},
    ):
        assert (MODEL, None) == Corrections(settings_of(folder, **changed), folder, store, journal).known_verdict(
            {"a", "b"}
        )
    assert (MODEL, None) == corrections.known_verdict({"b"})
    store.add(example(folder, 3, "b"))
    assert (MODEL, None) == corrections.known_verdict({"a", "b"})


def test_an_example_of_a_rule_that_is_gone_does_not_count(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    kept, gone = store.add(example(folder, 1, "a")), store.add(example(folder, 2, "gone"))
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    counted = corrections.counted(classifier)
    assert [kept] == list(counted)
    assert "a" == counted[kept].rule
    assert np.allclose([OPEN], counted[kept].vectors, atol=1e-3)
    assert {kept: "", gone: "its rule is not in the config"} == {
        one.taught.id: one.why_not for one in corrections.selected(MODEL, {"a", "b"})
    }


def test_a_model_that_was_chosen_otherwise_is_not_the_present_one(books: tuple[Path, ExampleStore, Journal]) -> None:
    folder, store, journal = books
    settings = settings_of(folder)
    corrections = Corrections(settings, folder, store, journal)
    assert "" == corrections.present_model()
    corrections.applied(judge_of(settings))
    assert MODEL == corrections.present_model()
    other = settings_of(folder, model={"name": "ViT-B-32", "weights": "openai"})
    assert "" == Corrections(other, folder, store, journal).present_model()


def test_a_calibration_that_is_forgotten_leaves_the_makers_temperature(
    books: tuple[Path, ExampleStore, Journal],
) -> None:
    from vsortd.judging.calibration import Calibrated, calibration_path, keep_calibration

    folder, store, journal = books
    settings = settings_of(folder)
    corrections, classifier = Corrections(settings, folder, store, journal), judge_of(settings)
    keep_calibration(folder, MODEL, Calibrated(1.5, 20, "2026-11-24", 0.2, 0.1))
    assert 1.5 == corrections.applied(classifier).vectors.temperature
    calibration_path(folder).unlink()
    assert 1.0 == corrections.applied(classifier).vectors.temperature
