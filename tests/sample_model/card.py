# ruff: noqa: E501 - the card's sentences
"""Measure the packaged sample model on everything and write its card: `python -m tests.sample_model.card --photos … --clips …`."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import safe_open

from tests.sample_model import evaluate, real_footage, renderer
from tests.sample_model.evaluate import Reader, held_out_pictures, prompt_row
from tests.sample_model.photos import Album, Share
from tests.sample_model.pool import SHARD_PICTURES
from vsortd.vision import sample
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.sample_model.real_footage import Verdict

STRANGE = (
    "a giraffe",
    "a submarine",
    "my grandmother's birthday",
    "a guitar solo",
    "a bottle of wine",
    "zebra crossing",
)
TARGET = 0.95  # share of held-out clips judged rightly
_NAMED = ("CC-BY", "MIT", "BSD")  # licences that ask for the author's name
_CATALOGUE = (
    'Fei-Fei Li, Marco Andreeto, Marc\'Aurelio Ranzato, Pietro Perona, "Caltech 101", CaltechDATA,'
    " doi 10.22002/D1.20086, CC BY 4.0"
)


def strangers(classifier: Reader) -> list[tuple[str, str, float]]:
    """For prompts of unknown things: the words not known, and the largest share they win on held-out pictures."""
    seen, _, _ = held_out_pictures(len(renderer.KNOWN) * 4)
    found = []
    for text in STRANGE:
        row = prompt_row(classifier.net, [text])
        share = classifier.probabilities(seen, np.vstack([classifier.subjects, row]))[:, -1]
        found.append((text, ", ".join(sample.unknown_words(text)), float(share.max())))
    return found


def trainings(last: dict[str, Any]) -> str:
    """Return how a training was run, and before it the one that it went on from, one a line."""
    before = last.get("start")
    onward = f" --start … --keep {last['keep']}" if before else ""
    onward += " --photos …" if last.get("photographs") else ""
    command = (
        f"`python -m tests.sample_model.train --seed {last['seed']} --steps {last['steps']} --batch {last['batch']}"
        f" --shards {last['pictures'] // SHARD_PICTURES} --rate {last['rate']} --threads {last['threads']}"
        f"{onward}`"
    )
    photographs = sum(last.get("photographs", {}).values())
    also = f" and {photographs:,} photographs" if photographs else ""
    line = (
        f"- {command}: {last['steps'] * last['batch']:,} crops of {last['pictures']:,} rendered pictures{also} at"
        f" {last['side_px']} px, {last['minutes']} minutes on {last['threads']} shared CPU core(s)"
    )
    if before is None:
        return f"{line}, from fresh weights, on the scenes as they were then."
    stays = f", of which {last['keep']:.0%} stay in the result (WiSE-FT)" if last["keep"] else ""
    went_on = f"from the weights of the training before{stays}"
    return f"{trainings(before)}\n{line}, {went_on}, on the scenes as they were then."


def attribution(album: Album) -> str:
    """Return whose photographs were taught, as Markdown: those whose licence asks for a name, one a line."""
    taught = {photo.file for photo in album.photos if photo.share is not Share.JUDGE}
    rows = [row for row in album.rows if row["file"] in taught]
    named = [row for row in rows if row["licence"].startswith(_NAMED) and row["set"] != "caltech101"]
    lines = [f"- {row['author'] or 'author not named'}: {row['source']} ({row['licence']})" for row in named]
    others = Counter(row["licence"].split(" (")[0] for row in rows if not row["licence"].startswith(_NAMED))
    free = ", ".join(f"{licence} ({count})" for licence, count in sorted(others.items()))
    return f"""# Photographs that the sample model was taught on

No photograph is in the package. All were scaled down and re-encoded before they were taught, many also cropped, blurred,
pasted into rendered scenes or coded as video. Their authors endorse nothing here.

- {_CATALOGUE}: {sum(row["set"] == "caltech101" for row in rows):,} pictures.
{chr(10).join(sorted(set(lines)))}

Besides, under terms that ask for no name: {free}.
"""


def photo_rows(verdicts: Sequence[Verdict]) -> str:
    """Return a table of judged photographs, by what they show."""
    by_name: dict[str, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        for name in one.right or {"something else"}:
            by_name[name].append(one)
    rows = [f"| {name} | {real_footage.tally(group).row()} |" for name, group in sorted(by_name.items())]
    return "\n".join([*rows, f"| **all** | {real_footage.tally(verdicts).row()} |"])


def clip_rows(verdicts: Sequence[Verdict]) -> str:
    """Return a table of judged clips, one a line, then their sums."""
    rows = []
    for one in verdicts:
        went = f"{one.rule} {one.score:.2f}" if one.rule else "stays"
        told = "right" if one.is_right else "**wrong**" if one.rule else "lost" if one.known else ""
        rows.append(f"| {one.name} | {', '.join(sorted(one.right)) or 'none'} | {went} | {told} |")
    return "\n".join(rows)


def card(
    classifier: Reader,
    figures: dict[str, Any],
    photographs: Sequence[Verdict],
    clips: Sequence[Verdict],
) -> str:
    """Return the model card as Markdown."""
    trained = json.loads((sample.weights_path().parent / "training.json").read_text(encoding="utf-8"))
    with safe_open(sample.weights_path(), "pt") as file:
        table = file.get_tensor("token_embedding.weight")
    zero = int((table == 0).all(dim=1).sum())
    parameters = sum(p.numel() for p in classifier.net.parameters())
    visual = sum(p.numel() for p in classifier.net.visual.parameters())
    vocabulary = sample.vocabulary()
    known = "\n".join(
        f"- **{value}**: {', '.join(phrases)}"
        for values in vocabulary.facets.values()
        for value, phrases in values.items()
    )
    others = "\n".join(f"- **{value}**: {', '.join(phrases)}" for value, phrases in vocabulary.others.items())
    per = " · ".join(f"{name} {value:.0%}" for name, value in figures["per_subject"].items())
    odd = "\n".join(f"| {text} | {words or '(none)'} | {share:.3f} |" for text, words, share in strangers(classifier))
    size = sample.weights_path().stat().st_size / 1e6
    region, filed = trained["region"], figures["filed"]
    shown = ", ".join(f"{name} {count}" for name, count in trained["photographs"].items())
    return f"""# The sample model

A small open_clip model ({parameters / 1e6:.1f} million parameters, {visual / 1e6:.1f} of them for pictures; {size:.1f} MB in fp16) that makes vsortd
work offline: quick start, demo and tests. It was taught on rendered scenes and on {sum(trained["photographs"].values()):,} photographs, {trained["photographs"].get("other", 0):,} of them of
single objects, animals, people. That is very little: of the real world it recognises some, and says of the rest that it doesn't know.
For real use take `model: auto`.

## What it knows

{known}

## What it tells apart from these

These are no scenes. They stand among what rules compete with, so that "none of these" can win by what is seen. As rules of their own
they are weak.

{others}

Anything else is unknown to it. `vsortd check` names the words of a config that it has never seen.

## How it was trained

{trainings(trained)}
- `python -m tests.sample_model.region --weights … --photos … --cache …`: where its training lies, and the scale of its scores, from photographs that were
  kept out of the training and renders of seeds of their own.

Renders: 14 subjects by day, at sunset and by night, and one in ten of something that is no scene; through a simulated camera (exposure, white
balance, blur, noise, fog, bars) and two thirds through H.264. Photographs (with how many name what: {shown}):
cropped, blurred, shaken, without colours, half of them as frames of H.264 videos, some pasted into renders. Whose they are says
[ATTRIBUTION.md](ATTRIBUTION.md). Texts: {len(vocabulary.known_words)} words with content, in many wordings. Loss: cross-entropy over captions of what is shown (where a
picture shows several things, any of them is right), of light, both, and finer kind, at the model's own logit scale, with label smoothing. The image
tower is a RegNetX-400MF without pretraining, the text tower a transformer of 3 layers of width 96.

## What it has never seen the like of

A frame's distance from all that was taught (one minus the cosine of the nearest of {region["centres"]} centres of its embeddings) makes a competitor of
every level at the top, with the logit {region["offset"]:.2f} + {region["slope"]:.2f} · distance. By cross-validation on what was kept out of the training:

{region["table"]}

## Held-out renders

{figures["pictures"]} single pictures (seeds that training never uses, H.264): subject {figures["picture_subject"]:.1%}, light {figures["picture_light"]:.1%}; the right subject gets {figures["right_share"]:.2f} of
the softmax over all 14 on average. {figures["clips"]} clips (all subjects, lights, still and moving camera; H.264): subject {figures["clip_subject"]:.1%}, light {figures["clip_light"]:.1%},
day against night {figures["clip_day_night"]:.1%}. The target, 95 % of subjects and 95 % of
day/night, is {"reached" if min(figures["clip_subject"], figures["clip_day_night"]) >= TARGET else "not reached"}. As vsortd files the single pictures, with a rule for each subject: {filed.found / filed.n:.1%} right,
{(filed.n - filed.filed) / filed.n:.1%} left for review. Odd pairs such as fireworks by day, a fire in daylight or a floodlit game at night are in there. The light
is asked for where a picture shows it: not of slides, plain shapes, flames that fill the picture, or with swapped colours.
Single pictures with hardly any contrast (a black or a white surface) are taken anew; clips are measured as they are rendered.

Per subject, single pictures: {per}

## Held-out photographs

Photographs that were never taught (of other licences, so that the weights carry no such question), each judged as a video of one frame by rules for the 14
subjects with {real_footage.PROMPTS} prompts each and vsortd's own thresholds. "Known" are those that show nothing but subjects it knows.

| shows | {real_footage.HEAD} |
|---|---|---|---|---|---|
{photo_rows(photographs)}

## Real clips

By `vsortd plan` with the same rules. None of them was taught on.

| clip | may be | went to | verdict |
|---|---|---|---|
{clip_rows(clips)}

| which | {real_footage.HEAD} |
|---|---|---|---|---|---|
| all | {real_footage.tally(clips).row()} |

## Words it does not know

{zero:,} of {table.shape[0]:,} token rows are zero: tokens that no caption contained say nothing. A prompt of unknown words competes
with all subjects, but training never lets it be right; its largest share over {len(renderer.KNOWN) * 4} held-out pictures:

| prompt | unknown words | largest share |
|---|---|---|
{odd}

Two such prompts tie, a lone one is beaten by the other subjects as 'none of these': both end in unsure.

## What it still can't do

It has seen a few dozen photographs of each scene. Fire, fireworks and ball games it knows from renders alone, and hardly any night outside a city. Of real scenes it
files about as many as the tables say and leaves the rest to you. Named places, actions, events and single kinds of animal or thing mean nothing to it.
Lights are day, sunset (any low sun or dusk) and night. Do not judge by it what a real model would do.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write the card and the attribution."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of photographs")
    parser.add_argument("--clips", type=Path, required=True, help="the folder of real clips")
    parser.add_argument("--pictures", type=int, default=840)
    parser.add_argument("--rendered", type=int, default=2, help="clips to render for each subject, light and camera")
    chosen = parser.parse_args(arguments)
    album = Album(chosen.photos)
    classifier = evaluate.reader()
    figures = evaluate.measure(classifier, pictures=chosen.pictures, clips=chosen.rendered)
    encoder = load_encoder("sample", device="cpu")
    try:
        figures["filed"] = real_footage.tally(real_footage.renders(encoder, chosen.pictures))
        photographs = real_footage.photos(encoder, album, album.of(Share.JUDGE))
    finally:
        encoder.close()
    clips = real_footage.clips(chosen.clips)
    sample.card_path().write_text(card(classifier, figures, photographs, clips), encoding="utf-8")
    sample.card_path().with_name("ATTRIBUTION.md").write_text(attribution(album), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
