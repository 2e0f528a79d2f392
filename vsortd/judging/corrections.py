"""What was taught, put to use: which examples count, whether they help, and the classifier that knows them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Final

from loguru import logger

from vsortd.filing.queries import withdrawn
from vsortd.judging.calibration import calibration_path, temperature_for
from vsortd.judging.leave_one_out import LeaveOneOutResult, weigh
from vsortd.vision.prompts import Example

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.journal import Journal
    from vsortd.judging.example_store import ExampleStore, Taught
    from vsortd.judging.resident_model import Classifier
    from vsortd.vision.prompts import RuleVectors

# Videos of one rule that count, the newest: the nearest example decides, so many more make scoring slow and say little.
MOST_PER_RULE: Final = 64
UNKNOWN_MODEL: Final = "the model is not known yet"


@dataclass(frozen=True, slots=True)
class Selected:
    """An example, and why it doesn't count; "" if it does."""

    taught: Taught
    why_not: str


def select(taught: Sequence[Taught], *, undone: Collection[int], model: str, rules: Collection[str]) -> list[Selected]:
    """Say of each example (newest first) whether it counts. Pure.

    `undone` are the filings that no longer stand, `model` is the present one's key ("" if it isn't known, then none
    counts), `rules` the keys of the config's rules. Of one video the newest counts whose filing stands; once it is
    forgotten, an older one doesn't come back.
    """
    newest: dict[int, int] = {}
    per_rule: Counter[tuple[str, bool]] = Counter()
    found = []
    for one in taught:
        why = ""
        if one.link is not None and one.link.item in undone:
            why = f"its filing #{one.link.item} was undone"
        elif one.video in newest:
            why = f"replaced by #{newest[one.video]}"
        else:
            newest[one.video] = one.id
            why = _why_not(one, model, rules)
            if not why:
                per_rule[one.rule, one.none] += 1
                if per_rule[one.rule, one.none] > MOST_PER_RULE:
                    why = f"the newest {MOST_PER_RULE} of {'none' if one.none else 'its rule'} are enough"
        found.append(Selected(one, why))
    return found


def _why_not(one: Taught, model: str, rules: Collection[str]) -> str:
    if not one.active:
        return "forgotten"
    if one.model != model:
        return f"of another model ({one.model.partition('/')[0]})" if model else UNKNOWN_MODEL
    if one.rule in rules or (one.none and not one.rule):
        return ""
    return f"{'the rule above it' if one.none else 'its rule'} is not in the config"


@dataclass(frozen=True, slots=True)
class _Selection:
    """All examples as they were at one moment, the filings that they come from, and which of these no longer stood."""

    examples: list[Selected]
    links: list[tuple[int, str]]
    undone: frozenset[int]


class Corrections:
    """The examples as the classifier uses them: looked for anew before each judgement, used only where they don't harm.

    Thread-safe. Its methods raise StoreError. `tries`: these rules are only tried out, so what is found of the examples
    by them is not noted as what holds.
    """

    def __init__(
        self, settings: Settings, state_folder: Path, store: ExampleStore, journal: Journal, *, tries: bool = False
    ) -> None:
        self._tries = tries
        self._settings = settings
        self._state_folder = state_folder
        self._store = store
        self._journal = journal
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] = ()  # the state of all that `_ready` was made of
        self._links: Sequence[tuple[int, str]] = ()  # the filings that those examples come from
        # vectors alone: whoever holds a classifier keeps the model in memory
        self._plain: RuleVectors | None = None
        self._ready: RuleVectors | None = None

    def applied(self, classifier: Classifier) -> Classifier:
        """Return a classifier that knows the examples and the model's temperature; microseconds if nothing changed."""
        with self._lock:
            before = self._look()
            if self._ready is None or classifier.vectors is not self._plain or before != self._seen:
                selection = self._select(classifier)
                self._ready, self._plain = self._work_out(classifier, selection).vectors, classifier.vectors
                # exactly what it was made of: what is undone since then is seen at the next judgement
                self._seen, self._links = (*before[:2], selection.undone), selection.links
            return replace(classifier, vectors=self._ready)

    def _look(self) -> tuple[object, ...]:
        """Return what tells whether anything changed, in whatever process: taught, calibrated, undone."""
        try:
            calibrated = calibration_path(self._state_folder).stat().st_mtime_ns
        except OSError:  # none; one that can't be read is found by who reads it
            calibrated = 0
        return self._store.revision(), calibrated, withdrawn(self._journal.db, self._links)

    def selected(self, model: str, rules: Collection[str]) -> list[Selected]:
        """Say of every example, newest first, whether it counts for a model (its key) and the config's rules."""
        return self._select_for(model, rules).examples

    def counted(self, classifier: Classifier) -> dict[int, Example]:
        """Return the examples that count for a classifier's model and rules, by number, whether they help or not."""
        return self._vectors(self._select(classifier))

    def _select(self, classifier: Classifier) -> _Selection:
        return self._select_for(classifier.key, {rule.key for rule in classifier.tree.walk()})

    def _select_for(self, model: str, rules: Collection[str]) -> _Selection:
        taught = self._store.all()
        links = [(one.link.item, one.link.transaction_id) for one in taught if one.link is not None]
        undone = withdrawn(self._journal.db, links)
        return _Selection(select(taught, undone=undone, model=model, rules=rules), links, undone)

    def _vectors(self, selection: _Selection) -> dict[int, Example]:
        counted = {one.taught.id: one.taught for one in selection.examples if not one.why_not}
        rows = self._store.vectors(counted)
        return {number: Example(one.rule, rows[number], one.none) for number, one in counted.items()}

    def known_verdict(self, rules: Collection[str]) -> tuple[str, LeaveOneOutResult | None]:
        """Return the present model's key and what was found of the examples as they are now; "" and None if unknown."""
        row = self._store.verdict()
        if row is None:
            return self._store.model_of(self._choice), None
        digest, model, result = row
        counted = [one.taught.id for one in self.selected(model, rules) if not one.why_not]
        if digest != self._digest(model, counted):
            return self._store.model_of(self._choice), None
        values = json.loads(result)
        return model, LeaveOneOutResult(**{**values, "won": tuple(values["won"]), "lost": tuple(values["lost"])})

    @property
    def _choice(self) -> str:
        choice = self._settings.model
        return json.dumps(choice if isinstance(choice, str) else choice.model_dump(mode="json"))

    def present_model(self) -> str:
        """Return the key of the model that the config chooses, as it was last loaded, or ""."""
        return self._store.model_of(self._choice)

    def _work_out(self, classifier: Classifier, selection: _Selection) -> Classifier:
        if not self._tries:
            self._store.note_model(self._choice, classifier.key)
        temperature = temperature_for(self._settings, self._state_folder, classifier.key)
        classifier = replace(classifier, vectors=replace(classifier.vectors, temperature=temperature))
        examples = self._vectors(selection)
        if not self._settings.learn.use or not examples:
            return classifier
        verdict = weigh(classifier.tree, classifier.vectors, examples)
        if not self._tries:
            digest = self._digest(classifier.key, examples)
            self._store.note_verdict(digest, classifier.key, json.dumps(asdict(verdict)))
        logger.info("corrections: {}", verdict.sentence())
        if not verdict.helps:
            return classifier
        return replace(classifier, vectors=classifier.vectors.with_examples(examples.values()))

    def _digest(self, model: str, counted: Collection[int]) -> str:
        """Return what tells whether a verdict still holds: of rules, options, model, temperature and examples."""
        from vsortd.config.dump import dump_json, plain_settings

        plain = plain_settings(self._settings)
        what = {key: plain.get(key) for key in ("defaults", "hierarchy", "none_of_these", "rules")}
        what["temperature"] = temperature_for(self._settings, self._state_folder, model)
        text = dump_json({**what, "model": model, "examples": sorted(counted)})
        return hashlib.sha256(text.encode()).hexdigest()
