"""What a video is for: a story, information or entertainment, by its labels and what was measured. Pure.

Of each unit a type's labels S, of n labels in all, say ln(Σ p(S) / (|S| / n)): how much more probable they are than by
chance. A type's logit is the mean of what its units say, of the picture times 0.6 and of the sound times 0.4 (one alone
counts whole), and ln 2 for each measured fact that speaks for it: such a fact doubles the odds, which is a convention,
nothing that was measured. Of the three logits a softmax is taken. What is labelled RealityCapture takes from the other
purposes and gives to none: a private video needn't be any of the three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from vsortd.analysis.built_in_categories import PictureUnit, SoundUnit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vsortd.analysis.label_document import UnitMeans

_LEAST, _LEAST_LEAD = 0.45, 0.1  # below, the type isn't told
_SURE: Final = 0.5  # from here on a label is a subtype
_NOTHING: Final = 0.5  # of none of these, above which a unit says nothing of its labels
_FLOOR: Final = 1e-3  # probability, below which nobody is surer
_PICTURE, _SOUND = 0.6, 0.4
_FACT: Final = math.log(2)
# Somebody talks most of the time and little is cut: a lecture, an interview. Much text: slides. Music under fast cuts.
_MUCH_SPEECH, _FEW_SHOTS, _MUCH_TEXT, _MUCH_MUSIC, _MANY_SHOTS = 0.6, 4.0, 0.3, 0.6, 15.0


class ContentType(StrEnum):
    """What a video is for."""

    STORYTELLING = "Storytelling"
    INFORMATIONAL = "Informational"
    ENTERTAINMENT = "Entertainment"
    UNCLASSIFIED = "Unclassified Media"


TYPES: Final = (ContentType.STORYTELLING, ContentType.INFORMATIONAL, ContentType.ENTERTAINMENT)
# Which labels of which unit speak for a type.
_PICTURE_LABELS: Final = (
    (ContentType.STORYTELLING, PictureUnit.PURPOSE, ("Storytelling",)),
    (ContentType.STORYTELLING, PictureUnit.MOOD, ("Emotional", "Tense", "Imaginative")),
    (ContentType.INFORMATIONAL, PictureUnit.PURPOSE, ("Informational",)),
    (ContentType.ENTERTAINMENT, PictureUnit.MOOD, ("Exciting", "Lighthearted")),
)
_SOUND_LABELS: Final = (
    (ContentType.STORYTELLING, SoundUnit.PURPOSE, ("StorytellingAudio",)),
    (ContentType.STORYTELLING, SoundUnit.MOOD, ("EmotionalAudio", "EerieAudio", "FantasticalAudio")),
    (ContentType.INFORMATIONAL, SoundUnit.PURPOSE, ("FactualAudio", "InformationalAudio")),
    (ContentType.ENTERTAINMENT, SoundUnit.MOOD, ("IntenseAudio", "LightAudio")),
)
_SUBTYPES: Final = {"Animation": "Animated", "LiveAction": "Live Action"}


@dataclass(frozen=True, slots=True)
class MeasuredTerms:
    """What was measured and speaks for a type: shares of the time (0 to 1), shots a minute; None where unknown."""

    shots_per_minute: float | None = None
    speech_share: float | None = None
    music_share: float | None = None
    text_share: float | None = None


@dataclass(frozen=True, slots=True)
class TypeTerm:
    """One piece of evidence: what it is, for which type it speaks, and what it adds to the type's logit."""

    evidence: str
    type: ContentType
    adds: float


@dataclass(frozen=True, slots=True)
class TypeReport:
    """The type with its probability, its lead over the next, the probabilities of all three, and every term."""

    type: ContentType
    confidence: float
    lead: float
    probabilities: Mapping[ContentType, float]
    terms: tuple[TypeTerm, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as a document has it."""
        return {
            "type": self.type.value,
            "confidence": round(self.confidence, 4),
            "lead": round(self.lead, 4),
            "probabilities": {one.value: round(value, 4) for one, value in self.probabilities.items()},
            "terms": [
                {"evidence": one.evidence, "type": one.type.value, "adds": round(one.adds, 4)} for one in self.terms
            ],
        }


def content_type(
    picture: Sequence[UnitMeans] | None, sound: Sequence[UnitMeans] | None, measured: MeasuredTerms
) -> TypeReport | None:
    """Return what a video is for; None where no label says anything of it. In a tie the earlier of `TYPES` leads."""
    seen, heard = list(_label_terms(picture, _PICTURE_LABELS)), list(_label_terms(sound, _SOUND_LABELS))
    if not seen and not heard:
        return None
    whole = (_PICTURE if seen else 0.0) + (_SOUND if heard else 0.0)
    terms = [
        *(_weighted(term, _PICTURE / whole, "picture") for term in seen),
        *(_weighted(term, _SOUND / whole, "sound") for term in heard),
        *_measured_terms(measured),
    ]
    logits = {one: sum(term.adds for term in terms if term.type is one) for one in TYPES}
    weights = {one: math.exp(logit - max(logits.values())) for one, logit in logits.items()}
    probabilities = {one: weight / sum(weights.values()) for one, weight in weights.items()}
    best, second, *_ = sorted(TYPES, key=lambda one: -probabilities[one])
    lead = probabilities[best] - probabilities[second]
    sure = probabilities[best] >= _LEAST and lead >= _LEAST_LEAD
    type_ = best if sure else ContentType.UNCLASSIFIED
    return TypeReport(type_, probabilities[best], lead, probabilities, tuple(terms))


def subtypes(picture: Sequence[UnitMeans] | None) -> tuple[tuple[str, float], ...]:
    """Return how it is made and its moods, as far as a label is at least 0.5 probable, the surest first."""
    found = [
        (_SUBTYPES.get(label, label), probability)
        for unit in picture or ()
        if unit.unit in {PictureUnit.STYLE, PictureUnit.MOOD}
        for label, probability in unit.labels.items()
        if probability >= _SURE
    ]
    return tuple(sorted(found, key=lambda one: (one[0] not in _SUBTYPES.values(), -one[1])))


def normalised(unit: UnitMeans) -> dict[str, float] | None:
    """Return a unit's labels so that they add up to 1; None where none of these is more probable than all of them."""
    whole = sum(unit.labels.values())
    if unit.none > _NOTHING or whole <= 0:
        return None
    return {label: value / whole for label, value in unit.labels.items()}


def _label_terms(
    units: Sequence[UnitMeans] | None, spoken_for: Sequence[tuple[ContentType, str, tuple[str, ...]]]
) -> Iterator[TypeTerm]:
    """Yield what each unit says for each type, shared between the units that say something for it."""
    known = {unit.unit: own for unit in units or () if (own := normalised(unit)) is not None}
    found = []
    for type_, unit, labels in spoken_for:
        own = known.get(unit)
        if own is None or not set(labels) <= set(own):
            continue
        share = sum(own[label] for label in labels)
        said = math.log(max(share, _FLOOR) / (len(labels) / len(own)))
        found.append(TypeTerm(f"{' or '.join(labels)} {share:.2f}", type_, said))
    for term in found:
        yield TypeTerm(term.evidence, term.type, term.adds / sum(other.type is term.type for other in found))


def _weighted(term: TypeTerm, weight: float, where: str) -> TypeTerm:
    return TypeTerm(f"{where}: {term.evidence}", term.type, weight * term.adds)


def _measured_terms(measured: MeasuredTerms) -> Iterator[TypeTerm]:
    rate, speech, music = measured.shots_per_minute, measured.speech_share, measured.music_share
    if speech is not None and rate is not None and speech >= _MUCH_SPEECH and rate <= _FEW_SHOTS:
        yield TypeTerm(f"speech {speech:.0%}, {rate:.1f} shots a minute", ContentType.INFORMATIONAL, _FACT)
    if measured.text_share is not None and measured.text_share >= _MUCH_TEXT:
        yield TypeTerm(f"text in the picture {measured.text_share:.0%}", ContentType.INFORMATIONAL, _FACT)
    if music is not None and rate is not None and music >= _MUCH_MUSIC and rate >= _MANY_SHOTS:
        yield TypeTerm(f"music {music:.0%}, {rate:.1f} shots a minute", ContentType.ENTERTAINMENT, _FACT)
