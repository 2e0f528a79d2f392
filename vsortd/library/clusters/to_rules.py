"""Groups as rules: a tree of names and prompts, examples for it, and a check that it sorts as the groups do.

A rule's prompts are the words of its group; where the group fits a rule of the user's, the prompts are that rule's
own. What words can't say the examples do: members of the group, kept like any correction (`vsortd teach`). The check
is `eval`'s arithmetic on what the index holds: of each group some members are judged with the help of the other half,
and the other way round; nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from vsortd.config.draft import check_text, children_of, plain_rules, rules_yaml, walk
from vsortd.config.dump import dump_yaml, plain_settings
from vsortd.config.rules import build_rules
from vsortd.core.text import counted, printable, storable
from vsortd.errors import UsageError
from vsortd.evaluation.measure import REVIEW, HitRate, confusion
from vsortd.evaluation.rejudge import Judged
from vsortd.evaluation.truth import Case
from vsortd.filing.follow import standing_at
from vsortd.filing.records import IdentityMatch, likeness
from vsortd.judging.decide import decide
from vsortd.judging.example_store import Link, NewExample, Origin, spread_over
from vsortd.learning.teaching import none_of
from vsortd.vision.prompts import Example, level_vectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vsortd.config.draft import Rules
    from vsortd.config.rules import RuleTree
    from vsortd.config.settings import Settings
    from vsortd.core.identity import Identity
    from vsortd.index.video import IndexedVideo
    from vsortd.judging.resident_model import Classifier
    from vsortd.library.clusters.cluster_folders import Parts, Pile
    from vsortd.library.clusters.grouping import ClusterMember
    from vsortd.pipeline.services import Services
    from vsortd.vision.prompts import RuleVectors

_T = TypeVar("_T")

HEADER: Final = "# Rules made of groups by `vsortd cluster`"
POOR: Final = 0.8  # below this share of right ones the check says that the rules don't sort as the groups do
EXAMPLES: Final = 16  # videos of one rule: the nearest example decides, so many more say little and cost time
_JUDGED: Final = 2 * EXAMPLES  # members of one rule in the check: half of them are the examples for the other half
_LISTED: Final = 8  # corrections that are named one by one
_STRANGERS: Final = 200  # videos of no group in the check
_LENT_PROMPTS: Final = 24  # that a rule without words of its own gets from those below it


@dataclass(frozen=True, slots=True)
class Check:
    """How the rules judge the groups' own members, in the same order by their texts alone and with examples.

    `strangers` are videos of no group, judged likewise with all examples; they belong to no rule.
    """

    by_texts: Sequence[Judged]
    by_examples: Sequence[Judged]
    strangers: Sequence[Judged]

    @property
    def texts(self) -> HitRate:
        """How many are right by the prompts alone."""
        return _right(self.by_texts)

    @property
    def examples(self) -> HitRate:
        """How many are right with the examples."""
        return _right(self.by_examples)

    @property
    def examples_help(self) -> bool:
        """Whether vsortd would judge by the examples: they don't make it worse."""
        return self.examples.hits >= self.texts.hits

    @property
    def best(self) -> Sequence[Judged]:
        """The members as they are judged once the examples are taught."""
        return self.by_examples if self.examples_help else self.by_texts

    @property
    def accuracy(self) -> HitRate:
        """How many are right once the examples are taught."""
        return _right(self.best)

    @property
    def is_poor(self) -> bool:
        """Whether the rules don't sort as the groups do."""
        return self.accuracy.share < POOR

    @property
    def filed_strangers(self) -> int:
        """How many videos of no group would be filed under a rule all the same."""
        return sum(bool(one.placed) for one in self.strangers)

    def rule(self, parts: Parts) -> HitRate:
        """Return how many members of one rule are right."""
        own = [one for one in self.best if one.truth == parts]
        return _right(own)

    def confused(self) -> list[str]:
        """Say of each rule that loses members where they would go, the worst first."""
        said = []
        for truth, row in confusion(self.best).items():
            lost = {name: count for name, count in row.items() if name != truth}
            if lost:
                total = sum(row.values())
                places = [f"{count} to {'review' if name == REVIEW else name}" for name, count in lost.items()]
                sentence = f"{truth}: {sum(lost.values())} of {counted(total, 'video')} would go elsewhere, "
                said.append((sum(lost.values()) / total, f"{sentence}{', '.join(places)}"))
        return [sentence for _, sentence in sorted(said, key=lambda pair: -pair[0])]

    def to_json(self) -> dict[str, Any]:
        """Return the part of `cluster --out RULES.yaml --json` that tells of it."""
        return {
            "accuracy": self.accuracy.to_json(),
            "by_prompts": self.texts.to_json(),
            "with_examples": self.examples.to_json(),
            "poor": self.is_poor,
            "confusion": confusion(self.best),
            "strangers": {"n": len(self.strangers), "filed": self.filed_strangers},
        }


@dataclass(frozen=True, slots=True)
class RulesDraft:
    """The rules as they would be written, with their examples by key, and the words that the model doesn't know."""

    rules: Rules
    piles: Sequence[Pile]
    examples: Mapping[str, Sequence[ClusterMember]]
    unknown: Mapping[str, Sequence[str]]
    check: Check
    model: str

    def text(self, *, when: str, taught: str = "") -> str:
        """Return the file: commented rules, to be put into a config; `taught` says which corrections were kept."""
        notes = {pile.parts: list(self._notes(pile)) for pile in self.piles}
        paths = walk(self.rules)
        lines = list(_header(self, when, taught))
        for line in rules_yaml(self.rules).splitlines():
            bare = line.lstrip(" ")
            if bare.startswith("- name: "):
                indent = line[: len(line) - len(bare)]
                lines += [f"{indent}# {note}" for note in notes.get(next(paths), ())]
            lines.append(line)
        return "\n".join(lines) + "\n"

    def _notes(self, pile: Pile) -> Iterator[str]:
        for group in pile.groups:
            count = counted(len(group.members), "video")
            yield printable(f"group {group.number}, {group.name}: {count}, tightness {group.tightness:.2f}")
        share = self.check.rule(pile.parts)
        yield f"check: {share.hits:.0f} of {share.n} are right"
        if self.unknown.get(pile.key):
            yield printable(f"the model doesn't know: {', '.join(self.unknown[pile.key])}")
        yield "examples:"
        for member in self.examples[pile.key]:
            yield printable(f"  {member.film.path}")

    def to_json(self) -> dict[str, Any]:
        """Return the part of `cluster --out RULES.yaml --json` that tells of it."""
        return {
            "rules": plain_rules(self.rules),
            "examples": {
                key: [storable(member.film.path) for member in members] for key, members in self.examples.items()
            },
            "unknown_words": {key: list(words) for key, words in self.unknown.items() if words},
            "check": self.check.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """The corrections that examples were kept as, and the videos that were left out because a person said otherwise."""

    numbers: Sequence[int]
    left_out: Sequence[tuple[IndexedVideo, str]]

    def sentence(self) -> str:
        """Say which corrections were kept, and how to take them back."""
        if not self.numbers:
            return "no example was kept that was not there already"
        first, last = min(self.numbers), max(self.numbers)
        which = f"correction #{first}" if first == last else f"corrections #{first} to #{last}"
        run = len(self.numbers) > _LISTED and last - first + 1 == len(self.numbers)  # nobody else's are in between
        ids = f"$(seq {first} {last})" if run else " ".join(map(str, sorted(self.numbers)))
        return f"{which}; take them back with: vsortd corrections forget {ids}"


def draft_rules(
    services: Services, classifier: Classifier, piles: Sequence[Pile], noise: Sequence[IndexedVideo]
) -> RulesDraft:
    """Make rules of the piles, and check them on the piles' own members and on videos of no group.

    Raises UsageError where the rules would be no sound config, ModelError when the model fails.
    """
    rules = rules_of(piles, services.tree)
    tree = tree_of(services.settings, rules)
    vectors = replace(level_vectors(tree, classifier.encoder), temperature=classifier.vectors.temperature)
    frames = services.settings.sampling.min_frames  # as of a first look
    unknown = {}
    for level in vectors.levels.values():
        for name, unseen in zip(level.names, level.unknown, strict=True):
            unknown[f"{level.parent}/{name}" if level.parent else name] = unseen
    return RulesDraft(
        rules=rules,
        piles=piles,
        examples={pile.key: spread_members(pile, EXAMPLES) for pile in piles},
        unknown=unknown,
        check=check_rules(piles, noise, tree, vectors, frames=frames),
        model=classifier.key,
    )


def rules_of(piles: Sequence[Pile], tree: RuleTree) -> Rules:
    """Return the prompts of each rule, parents before children.

    The user's own rules keep their prompts; a rule that has no words gets those of the rules below it.
    """
    rules: Rules = {}
    own = {pile.parts: pile for pile in piles}
    for pile in piles:
        for depth in range(1, len(pile.parts) + 1):
            path = pile.parts[:depth]
            if path not in rules:
                there = tree.find("/".join(path))
                prompts = own[path].prompts if path in own else ()
                rules[path] = there.prompts if there is not None and there.prompts else prompts
    below = children_of(rules)
    for path in reversed(list(walk(rules))):  # children first, so that theirs are there
        if not rules[path] and below[path]:
            turns = zip_longest(*(rules[child] or (child[-1],) for child in below[path]))
            prompts = tuple(dict.fromkeys(prompt for turn in turns for prompt in turn if prompt is not None))
            rules[path] = prompts[:_LENT_PROMPTS]
    return {path: rules[path] for path in walk(rules)}


def tree_of(settings: Settings, rules: Rules) -> RuleTree:
    """Return the tree of the user's config with these rules in the place of its own. Raises UsageError."""
    report = check_text(dump_yaml({**plain_settings(settings), "rules": plain_rules(rules)}))
    if report.settings is None:
        worst = report.mistakes[0]
        raise UsageError(
            f"These groups make no sound rules: {worst.path}: {worst.message}.",
            remedy="Give the group another name: --rename NUMBER=NAME",
        )
    return build_rules(report.settings)


def check_rules(
    piles: Sequence[Pile], noise: Sequence[IndexedVideo], tree: RuleTree, vectors: RuleVectors, *, frames: int
) -> Check:
    """Judge members of each pile with the other half of them as examples, both ways round, and by texts alone.

    `frames` of each video are judged at most. Raises ModelError like `decide`.
    """
    halves: list[list[tuple[Pile, ClusterMember]]] = [[], []]
    for pile in piles:
        for place, member in enumerate(spread_members(pile, _JUDGED)):
            halves[place % 2].append((pile, member))
    by_texts: list[Judged] = []
    by_examples: list[Judged] = []
    for asked, taught in (halves, reversed(halves)):
        helped = vectors.with_examples(_example(pile, member) for pile, member in taught)
        for pile, member in asked:
            by_texts.append(_judged(member.film, pile.parts, tree, vectors, frames))
            by_examples.append(_judged(member.film, pile.parts, tree, helped, frames))
    full = vectors.with_examples(_example(pile, member) for pile in piles for member in spread_members(pile, EXAMPLES))
    strangers = [_judged(film, (), tree, full, frames) for film in _spread(noise, _STRANGERS)]
    return Check(by_texts, by_examples, strangers)


def spread_members(pile: Pile, most: int) -> list[ClusterMember]:
    """Return at most `most` members of a pile, from the most typical of each group to the least, evenly."""
    share = max(1, most // len(pile.groups))
    return [member for group in pile.groups for member in _spread(group.members, share)][:most]


def keep_examples(services: Services, draft: RulesDraft) -> Kept:
    """Keep the examples of a draft as corrections under its rules' keys; the most typical are the newest.

    A video that was taught already is left as it is: a person's word on it counts for more. Raises StoreError.
    """
    said = _said_before(services, draft.model)
    numbers: list[int] = []
    left_out: list[tuple[IndexedVideo, str]] = []
    turns = zip_longest(*([(key, one.film) for one in members] for key, members in draft.examples.items()))
    # the newest count where there are too many, and whether examples help is judged on the newest of all rules
    for key, film in reversed([one for turn in turns for one in turn if one is not None]):
        before = said.get(film.identity)
        if before is None:
            new = NewExample(key, film.path, film.identity, Origin.TEACH, draft.model, film.vectors.astype(np.float32))
            numbers.append(services.examples.add(new, former=_former(services, film)))
        elif before != key:
            left_out.append((film, before))
    return Kept(numbers, left_out)


def _said_before(services: Services, model: str) -> dict[Identity, str]:
    """Return what each taught video counts as, whether the config has that rule or not."""
    rules = {one.rule for one in services.examples.all()}
    counted = (one.taught for one in services.corrections.selected(model, rules) if not one.why_not)
    return {one.identity: none_of(one.rule) if one.none else one.rule for one in counted}


def _former(services: Services, film: IndexedVideo) -> Link | None:
    """Return the filing that had put a video where it lies, so that what it was taught as before is one with this."""
    found = standing_at(services.journal, film.path)
    if found is None or likeness(found[1], film.identity) not in {IdentityMatch.SAME, IdentityMatch.ALIKE}:
        return None
    return Link(found[0].id, found[0].transaction_id)


def _example(pile: Pile, member: ClusterMember) -> Example:
    # through the same choice of frames as when it is kept
    return Example(pile.key, spread_over(member.film.vectors.astype(np.float32)))


def _judged(film: IndexedVideo, truth: Parts, tree: RuleTree, vectors: RuleVectors, frames: int) -> Judged:
    which = np.linspace(0, len(film.times_ms) - 1, min(frames, len(film.times_ms))).round().astype(np.int64)
    times_ms = film.times_ms[which]
    decision = decide(tree, vectors, film.vectors[which].astype(np.float32), times_ms=times_ms)
    return Judged(Case(film.path, truth), decision, tuple(times_ms.tolist()))


def _spread(things: Sequence[_T], most: int) -> list[_T]:
    if len(things) <= most:
        return list(things)
    return [things[place] for place in np.linspace(0, len(things) - 1, most).round().astype(int)]


def _right(judged: Sequence[Judged]) -> HitRate:
    return HitRate(sum(one.is_right for one in judged), len(judged))


def _header(draft: RulesDraft, when: str, taught: str) -> Iterator[str]:
    check = draft.check
    count = sum(len(pile.members) for pile in draft.piles)
    yield f"{HEADER}, {when}: {counted(count, 'video')} in {counted(len(draft.piles), 'rule')}."
    yield printable(
        f"# Model: {draft.model}. Put them into the rules of your config (`vsortd edit`), then: vsortd check"
    )
    yield "#"
    yield "# Checked by these rules alone, on members that are not among the examples they are judged by:"
    yield f"#   {_said(check.examples)} with the examples, {_said(check.texts)} by the prompts alone"
    if check.strangers:
        strangers = counted(len(check.strangers), "video")
        yield f"#   {check.filed_strangers} of {strangers} in no group would be filed all the same"
    if check.is_poor:
        yield "# THIS IS POOR: the rules don't sort as the groups do."
    for sentence in check.confused():
        yield printable(f"#   {sentence}")
    yield "#"
    if taught:
        yield printable(f"# The examples are kept: {taught}")
    else:
        yield "# The examples are not kept yet: run it again with --learn."


def _said(share: HitRate) -> str:
    low, high = share.interval
    return f"{share.share:.1%} of {share.n} are right (95 % interval {low:.0%} to {high:.0%})"
