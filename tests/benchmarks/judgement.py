"""How well vsortd judges: `python tests/benchmarks/judgement.py` renders a labelled set and compares the ways to judge.

The clips come from the sample model's own renderer, with seeds that neither its training nor its card ever uses. Every
fourth shows something else for a third of its length, as real videos do; a few show nothing that any rule is about.
With `--folder` and `--config` any labelled folder is measured with any model instead. What `vsortd eval --compare`
says becomes one markdown table on stdout and a JSON file; a second one says how much is filed and how much of that
wrongly, also of the real clips in `--real` (those of `tests/sample_model/real_clips.tsv`) and of the photographs
in `--photos` that were never taught.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from tests.benchmarks.speed.machine import facts
from tests.sample_model import real_footage
from tests.sample_model.canvas import Light
from tests.sample_model.photos import Album, Share
from tests.sample_model.real_footage import Tally, tally
from tests.sample_model.renderer import Camera, Subject, clip_hour_shows, render_clip
from vsortd.evaluation.measure import REVIEW
from vsortd.judging.decide import NONE
from vsortd.vision.factory import load_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "judgement.yaml"
# Training's seeds are small, those of the model's card begin at 77,000,000.
FIRST_SEED = 91_000_000
FPS, FRAMES = 10, 40
INTERLUDE = 13  # frames of something else, a third of the clip
EVERY = 4  # one clip in so many has an interlude

NATURE = (
    Subject.FOREST,
    Subject.DESERT,
    Subject.SEA,
    Subject.MOUNTAINS,
    Subject.SNOW,
    Subject.MEADOW,
    Subject.SKY,
)
TOWN = {Subject.CITY: "city", Subject.ROAD: "road", Subject.INDOOR: "indoor"}
HOURS = (Light.DAY, Light.NIGHT)
PER_LEAF = {"nature": 5, "town": 6, "events": 6}  # clips of each folder that names a light
PER_SUBJECT = {"events/fire": 10, "events/fireworks": 10, "slides": 12, "_none": 14}


@dataclass(frozen=True, slots=True)
class Take:
    """One clip to render: into which folder, what it shows, and what it shows for a third of its length instead."""

    folder: str
    number: int
    subject: Subject
    light: Light
    seed: int
    interlude: Subject | None

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height: one in three is held upright."""
        return (180, 320) if self.number % 3 == 0 else (320, 180)

    @property
    def camera(self) -> Camera:
        """Every other camera moves."""
        return Camera.MOVING if self.number % 2 else Camera.STILL

    @property
    def name(self) -> str:
        """The file's path in the set."""
        return f"{self.folder}/{self.subject.value.replace(' ', '-')}-{self.number:03d}.mp4"


def takes() -> Iterator[Take]:
    """Yield the whole set; the same every time."""
    rng = np.random.default_rng(FIRST_SEED)
    for number, (folder, subject, light, hour_matters) in enumerate(_wanted()):
        seed = FIRST_SEED + 1000 * number
        # the folder says what light it is, so the picture has to
        while hour_matters and not _hour_shows(subject, light, number, seed):
            seed += 1
        others = [other for other in (*NATURE, *TOWN, Subject.FIRE, Subject.BALL) if other is not subject]
        other = others[int(rng.integers(len(others)))]
        interlude = other if number % EVERY == 0 and subject is not Subject.UNKNOWN else None
        yield Take(folder, number, subject, light, seed, interlude)


def _wanted() -> Iterator[tuple[str, Subject, Light, bool]]:
    """Yield folder, subject, light, and whether the folder names the light."""
    leaves = [(f"nature/{subject.value}", subject, light) for subject in NATURE for light in Light]
    leaves += [(f"town/{name}", subject, light) for subject, name in TOWN.items() for light in HOURS]
    leaves += [("events/ball game", Subject.BALL, light) for light in HOURS]
    for folder, subject, light in leaves:
        for _ in range(PER_LEAF[folder.partition("/")[0]]):
            yield f"{folder}/{light.value}", subject, light, True
    fires = (Light.NIGHT, Light.SUNSET, Light.NIGHT, Light.DAY)
    for folder, subject, lights in (
        ("events/fire", Subject.FIRE, fires),
        ("events/fireworks", Subject.FIREWORKS, (Light.NIGHT,)),
        ("slides", Subject.SLIDES, tuple(Light)),
        ("_none", Subject.UNKNOWN, tuple(Light)),
    ):
        for number in range(PER_SUBJECT[folder]):
            yield folder, subject, lights[number % len(lights)], False


def _hour_shows(subject: Subject, light: Light, number: int, seed: int) -> bool:
    take = Take("", number, subject, light, seed, None)
    width, height = take.size_px
    return clip_hour_shows(subject, light, seed=seed, width_px=width, height_px=height, camera=take.camera)


def render(take: Take, folder: Path) -> None:
    """Write one clip as H.264, whole or not at all, unless it is there already."""
    import av

    target = folder / take.name
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "27", "g": "20"})
        stream.width, stream.height = take.size_px
        stream.pix_fmt, stream.time_base, stream.thread_count = "yuv420p", Fraction(1, FPS), 1
        for picture in _pictures(take):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    part.rename(target)


def _pictures(take: Take) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the clip's frames; an interlude stands at the beginning or the end, in turn."""
    pieces = [(take.subject, take.seed, FRAMES - INTERLUDE * bool(take.interlude))]
    if take.interlude is not None:
        pieces.insert(take.number // EVERY % 2, (take.interlude, take.seed + 500, INTERLUDE))
    width, height = take.size_px
    for subject, seed, frames in pieces:
        yield from render_clip(
            subject,
            take.light,
            seed=seed,
            width_px=width,
            height_px=height,
            frames=frames,
            fps=FPS,
            camera=take.camera,
        )


def render_all(folder: Path) -> int:
    """Render what is missing of the set, on every core; return how many clips it has."""
    chosen = list(takes())
    stamp = folder / "set.json"
    wanted = json.dumps([asdict(take) for take in chosen])
    if stamp.exists() and stamp.read_text(encoding="utf-8") != wanted:
        sys.exit(f"{folder} holds another set: remove it, or name another --cache.")
    folder.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted, encoding="utf-8")
    with ProcessPoolExecutor() as pool:
        for number, _ in enumerate(pool.map(render, chosen, [folder / "clips"] * len(chosen), chunksize=4), 1):
            if sys.stderr.isatty():
                sys.stderr.write(f"\rrendering {number}/{len(chosen)} ")
    return len(chosen)


def measure(folder: Path, config: Path, state: Path, out: Path | None) -> dict[str, Any]:
    """Run the real command and return what it says. Ends the script where it fails."""
    words = [sys.executable, "-m", "vsortd", "eval", str(folder), "--config", str(config), "--compare", "--json"]
    words += ["--out", str(out)] if out else []
    environment = {**os.environ, "VSORTD_STATE_DIR": str(state)}
    done = subprocess.run(words, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in {0, 3}:
        sys.exit(done.returncode)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def table(document: dict[str, Any]) -> str:
    """Return the comparison as a markdown table."""
    rows = document["compare"]
    depths = sorted({int(depth) for row in rows for depth in row["accuracy_at"]})
    head = [
        "way",
        *(f"depth {depth}" for depth in depths),
        "exact",
        "wrong",
        "undecided",
        "none",
        "ECE",
        "frames",
        "won/lost",
    ]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        at = [row["accuracy_at"].get(str(depth)) for depth in depths]
        cells = [
            row["name"],
            *(f"{one['share']:.1%} ± {one['half']:.1%}" if one else "" for one in at),
            f"{row['accuracy']:.1%}",
            f"{row['wrong']:.1%}",
            f"{row['undecided']:.1%}",
            f"{row['none_right']:.0%}" if row["none_right"] is not None else "",
            f"{row['ece']:.3f}" if row["ece"] is not None else "",
            f"{row['frames']:.1f}",
            f"+{row['won']:g} -{row['lost']:g}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def filing(document: dict[str, Any]) -> Tally:
    """Count what would be filed of a labelled folder: wrong is what goes anywhere but towards its rule."""
    counts = [
        (truth, outcome, number) for truth, row in document["confusion"].items() for outcome, number in row.items()
    ]
    filed = [one for one in counts if one[1] != REVIEW]
    wrong = sum(n for truth, outcome, n in filed if outcome != truth and not truth.startswith(f"{outcome}/"))
    known = [one for one in counts if one[0] != NONE]
    right = sum(n for truth, outcome, n in known if outcome == truth)
    return Tally(sum(n for *_, n in counts), sum(n for *_, n in filed), wrong, sum(n for *_, n in known), right, 0, 0)


def real_tables(clips: Path | None, photos: Path | None) -> dict[str, Tally]:
    """Judge real clips and photographs with flat rules for all that the sample model knows."""
    found = {}
    if clips is not None:
        found["real clips"] = tally(real_footage.clips(clips))
    if photos is not None:
        album = Album(photos)
        encoder = load_encoder("sample", device="cpu")
        try:
            found["photographs, never taught"] = tally(real_footage.photos(encoder, album, album.of(Share.JUDGE)))
        finally:
            encoder.close()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Render, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("vsortd") / "judgement")
    parser.add_argument("--folder", type=Path, help="a labelled folder of yours instead of renders")
    parser.add_argument("--config", type=Path, default=CONFIG, help="the rules and the model")
    parser.add_argument("--json", type=Path, help="where the result goes (default: judgement.json in the cache)")
    parser.add_argument("--plots", type=Path, help="a folder for plots and the worst mistakes")
    parser.add_argument("--real", type=Path, help="a folder of real clips")
    parser.add_argument("--photos", type=Path, help="a folder of photographs with MANIFEST.tsv")
    chosen = parser.parse_args(arguments)
    cache: Path = chosen.cache
    started = time.perf_counter()
    if chosen.folder is None:
        render_all(cache)
    rendered_s = time.perf_counter() - started
    document = measure(chosen.folder or cache / "clips", chosen.config, cache / "state", chosen.plots)
    document["benchmark"] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts(),
        "config": str(chosen.config),
        "rendering_s": round(rendered_s, 1),
        "measuring_s": round(time.perf_counter() - started - rendered_s, 1),
    }
    tallies = {"the labelled folder": filing(document), **real_tables(chosen.real, chosen.photos)}
    document["filing"] = {name: asdict(one) for name, one in tallies.items()}
    target: Path = chosen.json or cache / "judgement.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    at = ", ".join(f"{one['share']:.1%} at depth {depth}" for depth, one in document["accuracy_at"].items())
    sys.stdout.write(f"{document['n']} videos, {document['model']['key'].partition('/')[0]}: {at}.\n\n")
    rows = "\n".join(f"| {name} | {one.row()} |" for name, one in tallies.items())
    head = f"| | {real_footage.HEAD} |\n|---|---|---|---|---|---|"
    sys.stdout.write(f"{table(document)}\n\n{head}\n{rows}\n\nWritten: {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
