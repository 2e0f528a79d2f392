"""What a level's rules compete with besides each other, so that a video of something else wins nothing.

Negative labels as in NegLabel (2403.20078), screened as in NegRefine: a negative that means the same as a
rule, or something that a rule is a kind of, would take away that rule's own videos.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vsortd.vision.encoder import Family

if TYPE_CHECKING:
    import numpy.typing as npt

# facet → value → phrases, such as {"light": {"night": ("at night", "in the dark"), …}, …}
Facets = Mapping[str, Mapping[str, Sequence[str]]]

# Two texts closer than this are near-synonyms. Cosines are taken after the mean of the built-in negatives is
# taken off: all texts of a CLIP model share most of their direction (raw cosines of unrelated texts are 0.6
# to 0.8).
SYNONYM_COSINE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Negative:
    """Something that a video may show instead; `prompts` are averaged like those of a rule."""

    label: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _BuiltIn:
    """A negative for models taught on the web; no competitor of rules that use one of the words of its kind."""

    text: str
    related_words: frozenset[str]


def _built_in(text: str, related_words: str) -> _BuiltIn:
    return _BuiltIn(text, frozenset(related_words.split()))


# Nothing to see: fits no rule but one about exactly that.
_VOID: Final = (
    _built_in(
        "a black screen",
        "black dark darkness empty blank screen",
    ),
    _built_in(
        "a blurred picture of nothing in particular",
        "blur blurred blurry abstract",
    ),
    _built_in(
        "television static noise",
        "static noise glitch television tv",
    ),
    _built_in(
        "a plain wall",
        "wall plain texture background",
    ),
)
# The broad kinds of what people film; only against the top level, where a video may show anything at all.
_CONTENT: Final = (
    _built_in(
        "a screenshot of a computer program",
        "computer screen screencast screencasts screenshot screenshots software desktop coding code "
        "programming game games gaming gameplay minecraft tutorial app website slides presentation",
    ),
    _built_in(
        "a page of text",
        "text document documents page paper book books letter receipt slides presentation writing notes",
    ),
    _built_in(
        "a person talking to the camera",
        "person people man woman men women child children kid kids baby family face faces portrait "
        "selfie talk talking speaker speech interview lecture vlog friends crowd audience wedding "
        "party meeting human singer actor host",
    ),
    _built_in(
        "food on a plate",
        "food meal meals dish cooking cook kitchen recipe recipes eating restaurant dinner lunch "
        "breakfast drink drinks fruit vegetables cake bread wine bottle coffee baking barbecue",
    ),
    _built_in(
        "an animal",
        "animal animals pet pets dog dogs puppy cat cats kitten bird birds horse horses fish wildlife "
        "zoo cow cows sheep insect insects butterfly rabbit bear lion elephant monkey farm aquarium",
    ),
    _built_in(
        "a car in traffic",
        "car cars vehicle vehicles traffic road roads street streets driving drive dashcam motorbike "
        "motorcycle bike bicycle cycling truck bus train trains railway transport highway racing",
    ),
    _built_in(
        "a building",
        "building buildings city cities house houses architecture skyline tower church castle town "
        "village street bridge urban skyscraper construction monument",
    ),
    _built_in(
        "a furnished room",
        "room rooms indoor indoors interior inside kitchen office bedroom bathroom living home "
        "apartment furniture house restaurant shop hall museum",
    ),
    _built_in(
        "an outdoor landscape",
        "landscape landscapes nature natural outdoor outdoors scenery view forest forests wood woods "
        "tree trees mountain mountains hill hills valley sea ocean beach coast lake river waterfall "
        "desert meadow field fields grass snow ice winter sky sunset sunrise clouds garden park "
        "flowers hiking travel holiday holidays vacation countryside autumn spring summer water waves "
        "rain drone aerial camping",
    ),
    _built_in(
        "a sports match",
        "sport sports football soccer basketball tennis volleyball baseball hockey match game games "
        "player players team stadium ball running race ski skiing snowboarding surfing swimming gym "
        "fitness training workout boxing skating",
    ),
    _built_in(
        "a concert on a stage",
        "concert concerts stage music band show theatre theater dance dancing singer performance festival party",
    ),
    _built_in(
        "an aeroplane or a ship",
        "aeroplane airplane plane planes aircraft airport flight ship ships boat boats sailing ferry "
        "harbour harbor helicopter drone transport",
    ),
)


# What may be heard instead, for models of sounds.
_SOUND_VOID: Final = (
    _built_in("silence", "silence silent quiet nothing"),
    _built_in("background noise", "noise noisy hiss hum static background ambience"),
)
_SOUND_CONTENT: Final = (
    _built_in(
        "a person speaking",
        "person people man men woman women child children kid kids baby human voice voices speech speak speaking "
        "talk talking conversation interview lecture narrator commentary commentator host shouting shout whispering "
        "crying laughter laughing singing singer crowd audience",
    ),
    _built_in(
        "music",
        "music musical song songs melody singing singer sing choir band orchestra concert guitar piano violin flute "
        "trumpet saxophone drum drums drumming bass instrument instruments dance disco dj rap rock jazz pop techno "
        "opera festival",
    ),
    _built_in(
        "wind blowing",
        "wind windy storm stormy gale weather outdoors thunder thunderstorm",
    ),
    _built_in(
        "running water",
        "water rain raining sea ocean beach wave waves surf river stream waterfall lake splash splashing swimming "
        "swimmers pool shower fountain thunderstorm",
    ),
    _built_in(
        "a running engine",
        "engine engines motor motors car cars traffic road truck bus train trains railway tram motorbike motorcycle "
        "vehicle vehicles plane aeroplane airplane aircraft helicopter drone rotor boat ship racing race driving horn "
        "siren machine machines machinery",
    ),
    _built_in(
        "an animal",
        "animal animals pet pets dog dogs puppy barking bark cat cats meow meowing purring bird birds birdsong "
        "chirping tweeting rooster crow owl duck goose horse horses cow cows sheep pig goat frog frogs insect insects "
        "cricket crickets bee bees wolf howling lion wildlife zoo farm forest",
    ),
    _built_in(
        "a crowd cheering and clapping",
        "crowd audience applause clapping clap cheer cheering cheers stadium match party people spectators fans",
    ),
    _built_in(
        "things being handled in a room",
        "footsteps steps walking door knocking knock typing keyboard clatter dishes kitchen cooking cutlery glass "
        "tools hammer hammering sawing drilling room office clock click clicking",
    ),
)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, in order, case folded; letters and digits of any script."""
    return tuple(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.casefold()))


def built_in_negatives(texts: Iterable[str], *, open_world: bool, family: Family = Family.CLIP) -> tuple[Negative, ...]:
    """Return the built-in negatives of a level that are not related to any text at, above or below it.

    Those of a model of sounds (by its `family`) are sounds.

    In an `open_world`, as at the top, any content may come; below, a video has already won the parent, and a negative
    about content would beat children that speak of something else (a forest by day is more of a landscape than of a
    day).
    """
    words = {word for text in texts for word in words_of(text)}
    void, content = _built_in_of(family)
    candidates = (*void, *content) if open_world else void
    return tuple(
        Negative(candidate.text, (candidate.text,)) for candidate in candidates if not candidate.related_words & words
    )


def built_in_texts(family: Family = Family.CLIP) -> tuple[str, ...]:
    """Return all built-in negatives; their mean is what all texts of a model have in common."""
    void, content = _built_in_of(family)
    return tuple(candidate.text for candidate in (*void, *content))


def _built_in_of(family: Family) -> tuple[tuple[_BuiltIn, ...], tuple[_BuiltIn, ...]]:
    return (_SOUND_VOID, _SOUND_CONTENT) if family is Family.CLAP else (_VOID, _CONTENT)


def screen(
    negatives: npt.NDArray[np.float32], rules: npt.NDArray[np.float32], mean: npt.NDArray[np.float32]
) -> npt.NDArray[np.bool_]:
    """Tell which negatives may stay: those that are no near-synonym of a rule.

    Unit rows [m, dim] and [n, dim], and the mean vector [dim] that is taken off both. At least one stays,
    the least similar, so that a lone rule has somebody to lose against.
    """
    if not len(negatives) or not len(rules):
        return np.ones(len(negatives), dtype=bool)
    nearest = (_centred(negatives, mean) @ _centred(rules, mean).T).max(axis=1)
    stays = nearest < SYNONYM_COSINE
    if not stays.any():
        stays[int(np.argmin(nearest))] = True
    return np.asarray(stays)


def _centred(rows: npt.NDArray[np.float32], mean: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    centred = rows.astype(np.float64) - mean
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12))


def facet_negatives(
    facets: Facets, siblings: Sequence[Iterable[str]], related_texts: Iterable[str]
) -> tuple[Negative, ...]:
    """Return the other values of the facets that the siblings speak of, for a model with a known vocabulary.

    `siblings` holds the prompts of each known sibling, `related_texts` those of their ancestors and descendants; a
    value that any of them mentions is no negative. A facet counts when every sibling speaks of it, or else
    the one that most do: beside `forest` and `night`, `day` would take away half of every forest.
    """
    by_sibling = [_mentioned_values(facets, prompts) for prompts in siblings]
    counts = {facet: sum(any(of == facet for of, _ in values) for values in by_sibling) for facet in facets}
    highest = max(counts.values(), default=0)
    if not highest:
        return ()
    leading = [facet for facet in facets if counts[facet] == highest]
    if highest < len(siblings):
        leading = leading[:1]
    mentioned = set().union(*by_sibling) | _mentioned_values(facets, related_texts)
    return tuple(
        Negative(value, tuple(phrases) or (value,))
        for facet in leading
        for value, phrases in facets[facet].items()
        if (facet, value) not in mentioned
    )


def _mentioned_values(facets: Facets, prompts: Iterable[str]) -> set[tuple[str, str]]:
    """Return the (facet, value) pairs whose name or phrases occur, as whole words, in any of the prompts."""
    texts = [f" {' '.join(words_of(prompt))} " for prompt in prompts]
    return {
        (facet, value)
        for facet, values in facets.items()
        for value, phrases in values.items()
        for phrase in (value, *phrases)
        if (words := words_of(phrase)) and any(f" {' '.join(words)} " in text for text in texts)
    }
