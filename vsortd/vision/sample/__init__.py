"""The embedded sample model: small, offline, and knowing only what its vocabulary and its card list.

Importing this costs nothing but the standard library.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

MODEL_NAME: Final = "vsortd-sample"
# Of the weights file: a byte of it that has changed is found before it misleads. Whoever trains anew writes it anew.
WEIGHTS_SHA256: Final = "89e26a8fbbab43017ace5b8b4b879b314e956cf4163687452d79cf029273fc05"
_FOLDER: Final = Path(__file__).resolve().parent
_WORD: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the model was taught to read.

    `facets` maps a facet ("subject", "light") to its values, each with the phrases that mean it; values of one facet
    exclude one another. `others` are what a picture may show that is no scene, in the same form: they compete with the
    subjects. `known_words` are all words with content that occur in its captions, `neutral_words` those
    that say nothing about a picture; both lower-case.
    """

    facets: dict[str, dict[str, tuple[str, ...]]]
    others: dict[str, tuple[str, ...]]
    known_words: frozenset[str]
    neutral_words: frozenset[str]


def model_config_path() -> Path:
    """Return the architecture and preprocessing, in the format of open_clip's hub configs."""
    return _FOLDER / "model.json"


def weights_path() -> Path:
    """Return the weights: safetensors, fp16."""
    return _FOLDER / "weights.safetensors"


def taught_region_path() -> Path:
    """Return where its training pictures lie, see `vsortd.vision.out_of_distribution`."""
    return _FOLDER / "taught_region.npz"


def card_path() -> Path:
    """Return the model card."""
    return _FOLDER / "CARD.md"


@cache
def vocabulary_document() -> dict[str, Any]:
    """Return the vocabulary file as it is: facets, others, kinds, templates, joining forms, neutral words."""
    document: dict[str, Any] = json.loads((_FOLDER / "vocabulary.json").read_text(encoding="utf-8"))
    return document


@cache
def vocabulary() -> Vocabulary:
    """Return what the model can read."""
    document = vocabulary_document()
    facets = {
        facet: {value: tuple(phrases) for value, phrases in values.items()}
        for facet, values in document["facets"].items()
    }
    others = {value: tuple(phrases) for value, phrases in document["others"].items()}
    neutral = frozenset(document["neutral_words"])
    texts = [phrase for phrases in others.values() for phrase in phrases]
    texts += [phrase for values in facets.values() for phrases in values.values() for phrase in phrases]
    texts += [phrase for phrases in document["kinds"].values() for phrase in phrases]
    known = frozenset(word for text in texts for word in words(text)) - neutral
    return Vocabulary(facets, others, known, neutral)


def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, lower-case, without punctuation."""
    return tuple(_WORD.findall(text.casefold()))


def unknown_words(text: str) -> tuple[str, ...]:
    """Return the words of a prompt that the model has never seen in training, each once, in order."""
    known = vocabulary()
    strange = (word for word in words(text) if word not in known.known_words and word not in known.neutral_words)
    return tuple(dict.fromkeys(strange))
