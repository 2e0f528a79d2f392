"""What was taught, put to use: which examples count, whether they help, and the judge that knows them."""

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
from vsortd.judging.leave_one_out import Verdict, weigh
from vsortd.vision.prompts import Example

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from vsortd.config.settings import Settings
    from vsortd.filing.journal import Journal
    from vsortd.judging.example_store import ExampleStore, Taught
    from vsortd.judging.resident_model import Judge

# Videos of one rule that count, the newest: the nearest example decides, so many more make scoring slow and say little.
MOST_PER_RULE: Final = 64
UNKNOWN_MODEL: Final = "the model is not known yet"


@dataclass(frozen=True, slots=True)
class Sifted:
    """An example, and why it doesn't count; "" if it does."""

    taught: Taught
    why_not: str


def sift(taught: Sequence[Taught], *, undone: Collection[int], model: str, rules: Collection[str]) -> list[Sifted]:
    """Say of each example (newest first) whether it counts. Pure.

    `undone` are the filings that no longer stand, `model` is the present one's key ("" if it isn't known, then none
    counts), `rules` the keys of the config's rules. Of one video the newest counts whose filing stands; once it is
    forgotten, an older one doesn't come back.
    """
    newest: dict[int, int] = {}
    per_rule: Counter[str] = Counter()
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
                per_rule[one.rule] += 1
                if per_rule[one.rule] > MOST_PER_RULE:
                    why = f"the newest {MOST_PER_RULE} of its rule are enough"
        found.append(Sifted(one, why))
    return found


def _why_not(one: Taught, model: str, rules: Collection[str]) -> str:
    if not one.active:
        return "forgotten"
    if one.model != model:
        return f"of another model ({one.model.partition('/')[0]})" if model else UNKNOWN_MODEL
    return "" if one.rule in rules else "its rule is not in the config"


class Lessons:
    """The examples as the judge uses them: looked for anew before each judgement, used only where they don't harm.

    Thread-safe. Its methods raise StoreError.
    """

    def __init__(self, settings: Settings, state_folder: Path, store: ExampleStore, journal: Journal) -> None:
        self._settings = settings
        self._state_folder = state_folder
        self._store = store
        self._journal = journal
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] = ()  # the state of all that `_ready` was made of
        self._links: list[tuple[int, str]] = []
        self._plain: Judge | None = None
        self._ready: Judge | None = None

    def applied(self, judge: Judge) -> Judge:
        """Return a judge that knows the examples and the model's temperature; costs microseconds if nothing changed."""
        with self._lock:
            before = self._look()
            if self._ready is None or judge is not self._plain or before != self._seen:
                self._ready, self._plain = self._work_out(judge), judge
                self._seen = (*before[:2], withdrawn(self._journal.db, self._links))  # the links are known now
            return self._ready

    def _look(self) -> tuple[object, ...]:
        """Return what tells whether anything changed, in whatever process: taught, calibrated, undone."""
        try:
            calibrated = calibration_path(self._state_folder).stat().st_mtime_ns
        except OSError:  # none; one that can't be read is found by who reads it
            calibrated = 0
        return self._store.revision(), calibrated, withdrawn(self._journal.db, self._links)

    def sifted(self, model: str, rules: Collection[str]) -> list[Sifted]:
        """Say of every example, newest first, whether it counts for a model (its key) and the config's rules."""
        taught = self._store.all()
        self._links = [(one.link.item, one.link.mark) for one in taught if one.link is not None]
        undone = withdrawn(self._journal.db, self._links)
        return sift(taught, undone=undone, model=model, rules=rules)

    def counted(self, judge: Judge) -> dict[int, Example]:
        """Return the examples that count for a judge's model and rules, by their numbers, whether they help or not."""
        rules = {rule.key for rule in judge.tree.walk()}
        counted = {one.taught.id: one.taught for one in self.sifted(judge.key, rules) if not one.why_not}
        rows = self._store.vectors(counted)
        return {number: Example(one.rule, rows[number]) for number, one in counted.items()}

    def known_verdict(self, rules: Collection[str]) -> tuple[str, Verdict | None]:
        """Return the present model's key and what was found of the examples as they are now; "" and None if unknown."""
        row = self._store.verdict()
        if row is None:
            return self._store.model_of(self._choice), None
        digest, model, result = row
        counted = [one.taught.id for one in self.sifted(model, rules) if not one.why_not]
        if digest != self._digest(model, counted):
            return self._store.model_of(self._choice), None
        values = json.loads(result)
        return model, Verdict(**{**values, "won": tuple(values["won"]), "lost": tuple(values["lost"])})

    @property
    def _choice(self) -> str:
        choice = self._settings.model
        return json.dumps(choice if isinstance(choice, str) else choice.model_dump(mode="json"))

    def present_model(self) -> str:
        """Return the key of the model that the config chooses, as it was last loaded, or ""."""
        return self._store.model_of(self._choice)

    def _work_out(self, judge: Judge) -> Judge:
        self._store.note_model(self._choice, judge.key)
        temperature = temperature_for(self._settings, self._state_folder, judge.key)
        judge = replace(judge, vectors=replace(judge.vectors, temperature=temperature))
        examples = self.counted(judge)
        if not self._settings.learn.use or not examples:
            return judge
        verdict = weigh(judge.tree, judge.vectors, examples)
        self._store.note_verdict(self._digest(judge.key, examples), judge.key, json.dumps(asdict(verdict)))
        logger.info("corrections: {}", verdict.sentence())
        if not verdict.helps:
            return judge
        return replace(judge, vectors=judge.vectors.with_examples(examples.values()))

    def _digest(self, model: str, counted: Collection[int]) -> str:
        """Return what tells whether a verdict still holds: of rules, options, model, temperature and examples."""
        from vsortd.config.dump import dump_json, plain_settings

        plain = plain_settings(self._settings)
        what = {key: plain.get(key) for key in ("defaults", "hierarchy", "none_of_these", "rules")}
        what["temperature"] = temperature_for(self._settings, self._state_folder, model)
        text = dump_json({**what, "model": model, "examples": sorted(counted)})
        return hashlib.sha256(text.encode()).hexdigest()
