"""The sentences that prompts are put into: a library per model family.

Averaging a prompt over several sentences evens out the accidents of one wording (CLIP paper §3.1.4: +3.5
points on ImageNet for an ensemble over one template). The lists are short on purpose: each template is one
more text to embed for every prompt, and most of the gain comes from the first few.
"""

from __future__ import annotations

from typing import Final

from vsortd.vision.encoder import Family

# Chosen for frames of videos: still, moving, badly lit, seen from near and far.
_CLIP: Final = (
    "a photo of {}",
    "a video frame of {}",
    "a video of {}",
    "a blurry photo of {}",
    "a close-up of {}",
    "a dark photo of {}",
    "{}",
)
# SigLIP's own evaluation uses few and plain ones; its texts are lower-cased and stripped of punctuation
# anyway.
_SIGLIP: Final = ("a photo of {}", "a video of {}", "{}")
# The wordings its training captions are made of; the rest of a longer template would be words it has never
# seen.
_SAMPLE: Final = ("{}", "a photo of {}", "a video of {}")
# What the makers of CLAP use; its captions of training are sentences about sounds.
_CLAP: Final = ("this is the sound of {}",)

TEMPLATES: Final = {Family.CLIP: _CLIP, Family.SIGLIP: _SIGLIP, Family.SAMPLE: _SAMPLE, Family.CLAP: _CLAP}

# A prompt of this many words reads as a sentence of its own ("two children play football").
_SENTENCE_WORDS: Final = 4


def texts_of(prompt: str, templates: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts of one prompt: each template with it in place of `{}`, and a sentence as it stands.

    A prompt counts as a sentence when it ends like one or has four words or more. No text comes twice.
    """
    words = " ".join(prompt.split())
    bare = words.rstrip(".!?") or words
    texts = [template.replace("{}", bare) for template in templates]
    if bare != words or len(words.split()) >= _SENTENCE_WORDS:
        texts.append(words)
    return tuple(dict.fromkeys(texts))
