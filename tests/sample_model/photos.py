# ruff: noqa: E501 - lists of words
"""Real photographs for the training, from a folder that is no part of the project; see `Album`.

The folder holds `MANIFEST.tsv` (file, use, subject, light, caption, licence, author, source, set) and the pictures,
loose or in `pictures.tar`. `use` says which may be taught ("train") and which are only measured on ("judge").
"""

from __future__ import annotations

import csv
import io
import re
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from tests.sample_model import capture, renderer
from tests.sample_model.canvas import Light
from vsortd.vision import sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

# What a picture may show: the scenes, then what is no scene.
SHOWN = (*(subject.value for subject in renderer.KNOWN), *sample.vocabulary().others)
OTHERS = tuple(sample.vocabulary().others)
_OTHER = "other"  # the manifest's word for all of them
_CATALOGUE = "caltech101"  # a set of single objects; its caption is the name of the class
KEPT_OUT_SHARE = 10  # one set in so many is kept out of the training, to choose by
STORED_PX = 176  # the shorter side that a photograph is kept at, at most
# Words of captions, and what they say about a picture that is no scene. A caption with none of them says nothing.
_WORDS: dict[str, str] = {
    "animal": """animal leopard bass fish beaver butterfly cougar crab crayfish crocodile dog dolphin dragonfly elephant emu
        bird flamingo turtle hedgehog ibis kangaroo llama rhino rooster scorpion starfish stegosaurus tick trilobite octopus
        pigeon ant brontosaurus lobster mayfly okapi panda platypus cat gerenuk antelope gull pelican jellyfish otters osprey
        rabbit eagle bear horse penguin parrots dogs frog gorilla toucan lioness zebra heron condor parrot jay monkey egret
        caterpillar alpacas birds cow cows sheep whale bees bee swan duck squirrel fox lion tiger sea-horse nautilus frigate""",
    "person": """person woman man people girl boy couple friends crowd hands hair smiling sweater shirt dancer children toddler
        women men riders jockey trainer astronaut child baby player player's players shirts portrait cook singer workers""",
    "face": "face portrait smiling freckles",
    "object": """accordion anchor barrel brain buddha statue cannon chandelier lamp euphonium ewer jug gramophone piano guitar
        mandolin menorah metronome revolver saxophone scissors soccer ball stapler umbrella watch wheelchair chair windsor wrench
        inline skate binoculars stop sign fan cup headphones bottles bottle pen paper toy teddy globe sculpture statues lantern
        nails tools brushes umbrella bonsai glass shovel lock candle candles notebook pencils books knife fork""",
    "device": """camera cellphone laptop phone screen keyboard typing cameras telephones radio monitor computer telescope
        headphones""",
    "vehicle": """motorbike airplane car ferry helicopter ketch schooner boat jet airliner plane sports fighter bus train transport
        bomber biplane planes bicycle scooter rocket motocross convertible cars boats ship truck satellite""",
    "food": """pizza strawberry apple banana coffee fruit oranges spices burrito cheese tomato meat salad soup bread cake
        fig lime meal dish pepper vegetables cup plate eating""",
    "flower": """lotus sunflower water-lily lily flower flowers marigold tulips blossoming plants leaves leaf bonsai rose bamboo
        fern stem petals""",
    "drawing": """drawing painting illustration cartoon graphic diagram poster render abstract stegosaurus brontosaurus painted""",
    "texture": "cloth pattern texture drops surface fibres macro",
    "space": "moon earth nebula stars milky galaxy eclipse planet space",
    "nothing": "empty blank",
}
_BY_WORD: dict[str, set[str]] = {}
for _value, _said in _WORDS.items():
    for _word in _said.split():
        _BY_WORD.setdefault(_word, set()).add(_value)
_SKY = frozenset({"sky", "clouds", "cloud", "cloudy", "flying", "flight"})


class Share(StrEnum):
    """Which part of the album: taught, kept out of the training to choose by, or only ever measured on."""

    TAUGHT = "taught"
    KEPT_OUT = "kept out"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Photo:
    """One photograph: what it shows as places in SHOWN (any of them is right), and its light where it says one.

    `named` are the scenes that the manifest names, `other` whether it also names something that is no scene. `catalogue` is
    the caption of a picture out of the set of single objects, "" of others.
    """

    file: str
    shown: frozenset[int]
    named: tuple[str, ...]
    other: bool
    light: Light | None
    catalogue: str
    share: Share


def _row_photo(row: dict[str, str]) -> Photo:
    subjects = [one.strip() for one in row["subject"].split(",")]
    named = tuple(one for one in subjects if one != _OTHER)
    other = _OTHER in subjects
    said = set(re.findall(r"[a-z]+", row["caption"].lower()))
    shown = {SHOWN.index(name) for name in named}
    if other:
        values = set().union(*(_BY_WORD.get(word, set()) for word in said))
        shown |= {SHOWN.index(value) for value in (values or OTHERS)}
        if said & _SKY:
            shown.add(SHOWN.index(renderer.Subject.SKY.value))
    if row["use"] == "judge":
        share = Share.JUDGE
    else:  # a set stays together; the catalogue's pictures are each by themselves
        key = row["file"] if row["set"] == _CATALOGUE else row["set"]
        big = row["set"] in {
            "cid22",
            "tfknn",
            "hdri",
            "openimg",
        }  # many photographers' pictures, or panoramas of many places
        key = re.sub(r"[-_]?\d+\.[a-z]+$", "", row["file"]) + row["file"][-9:-6] if big else key
        share = Share.KEPT_OUT if zlib.crc32(key.encode()) % KEPT_OUT_SHARE == 0 else Share.TAUGHT
    light = Light(row["light"]) if row["light"] in {one.value for one in Light} else None
    return Photo(row["file"], frozenset(shown), named, other, light, row["caption"] * (row["set"] == _CATALOGUE), share)


class Album:
    """A folder of photographs with its manifest; pictures are RGB uint8 [h, w, 3], shorter side STORED_PX at most."""

    def __init__(self, folder: Path) -> None:
        """Read the manifest. Raises OSError where there is none."""
        self.folder = folder
        with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
            self.rows = list(csv.DictReader(file, delimiter="\t"))
        self.photos = tuple(_row_photo(row) for row in self.rows)
        self.classes = tuple(sorted({photo.catalogue for photo in self.photos} - {""}))

    @cached_property
    def _raw(self) -> dict[str, bytes]:
        archive = self.folder / "pictures.tar"
        if not archive.exists():
            return {}
        with tarfile.open(archive) as tar:
            files = ((Path(one.name).name, tar.extractfile(one)) for one in tar if one.isfile())
            return {name: file.read() for name, file in files if file is not None}

    def picture(self, photo: Photo) -> Picture:
        """Return the picture of a photograph. Raises OSError."""
        raw = self._raw.get(photo.file)
        with Image.open(io.BytesIO(raw) if raw is not None else self.folder / photo.file) as image:
            whole = image.convert("RGB")
        scale = STORED_PX / min(whole.size)
        if scale < 1:
            whole = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.LANCZOS)
        return np.asarray(whole)

    def of(self, share: Share) -> list[Photo]:
        """Return the photographs of one part."""
        return [photo for photo in self.photos if photo.share is share]

    def summary(self) -> dict[str, int]:
        """Return how many photographs of what are taught, for the record of a training."""
        counts = Counter(name for photo in self.of(Share.TAUGHT) for name in (photo.named or (_OTHER,)))
        return dict(sorted(counts.items()))


class Deck:
    """The taught photographs, drawn from by their sort: scenes, other things, the catalogue of single objects."""

    def __init__(self, album: Album, rng: np.random.Generator) -> None:
        """Load all pictures, each also as a frame of an H.264 video of some quality."""
        taught = album.of(Share.TAUGHT)
        self.album = album
        self.plain = [album.picture(photo) for photo in taught]
        self.coded = [_as_video(picture, crf=int(rng.integers(20, 38))) for picture in self.plain]
        self.photos = taught
        catalogue = [bool(photo.catalogue) for photo in taught]
        scene = [bool(photo.named) for photo in taught]
        by_name: dict[str, list[int]] = {}
        for place, photo in enumerate(taught):
            for name in () if photo.catalogue else photo.named:
                by_name.setdefault(name, []).append(place)
        self._scenes = list(by_name.values())
        # half as often as there are more of them: a rare subject isn't learnt by heart, a common one doesn't drown it
        weights = np.sqrt([len(places) for places in self._scenes])
        self._weights = weights / weights.sum()
        self._others = [i for i, _ in enumerate(taught) if not scene[i] and not catalogue[i]]
        self._catalogue = [i for i, _ in enumerate(taught) if catalogue[i]]

    def draw_scene(self, rng: np.random.Generator) -> int:
        """Return the place of a photograph of a scene."""
        places = self._scenes[int(rng.choice(len(self._scenes), p=self._weights))]
        return places[int(rng.integers(len(places)))]

    def draw_other(self, rng: np.random.Generator) -> int:
        """Return the place of a photograph of something else."""
        return self._others[int(rng.integers(len(self._others)))]

    def draw_catalogue(self, rng: np.random.Generator) -> int:
        """Return the place of a picture of a single object."""
        return self._catalogue[int(rng.integers(len(self._catalogue)))]

    def crop(self, place: int, side_px: int, rng: np.random.Generator) -> Picture:
        """Return a random piece of a photograph, shaken, blurred or coded as a camera might have: [side, side, 3]."""
        picture = (self.coded if rng.random() < 0.5 else self.plain)[place]
        height, width = picture.shape[:2]
        least = 0.4 if self.photos[place].named else 0.35
        side = min(height, width) * float(np.sqrt(rng.uniform(least, 1.0)))
        stretch = float(np.exp(rng.normal(0, 0.12)))
        wide, high = min(side * stretch, width), min(side / stretch, height)
        left, top = rng.uniform(0, width - wide), rng.uniform(0, height - high)
        image = Image.fromarray(picture)
        if rng.random() < 0.15:  # small originals, enlarged
            image = image.resize((max(24, width // 3), max(24, height // 3)), Image.Resampling.BILINEAR)
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        box = (left, top, left + wide, top + high)
        image = image.resize((side_px, side_px), Image.Resampling.BICUBIC, box=box)
        way = rng.random()
        if way < 0.12:
            image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.4, 1.6))))
        pixels = np.asarray(image)
        if 0.12 <= way < 0.22:
            pixels = _shaken(pixels, rng)
        if rng.random() < 0.06:  # no colours
            pixels = np.repeat(np.asarray(Image.fromarray(pixels).convert("L"))[..., None], 3, axis=2)
        return pixels


def paste(scene: Picture, photo: Picture, share: float, rng: np.random.Generator) -> Picture:
    """Return a scene [side, side, 3] with a photograph over about `share` of it: a soft ellipse, or a rectangle."""
    side = scene.shape[0]
    y, x = (np.mgrid[0:side, 0:side].astype(np.float32) + 0.5) / side
    stretch = float(np.exp(rng.normal(0, 0.2)))
    round_one = rng.random() < 0.6
    half = float(np.sqrt(share / (np.pi if round_one else 4)))
    across = (x - rng.uniform(0.3, 0.7)) / (half * stretch)
    down = (y - rng.uniform(0.35, 0.75)) / (half / stretch)
    away = np.hypot(across, down) if round_one else np.maximum(abs(across), abs(down))
    mask = np.clip((1 - away) * rng.uniform(4, 20) + 0.5, 0, 1)[..., None]
    height, width = max(8, round(2 * half * side / stretch)), max(8, round(2 * half * side * stretch))
    small = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BILINEAR), np.float32)
    rows = np.clip((down + 1) / 2 * height, 0, height - 1).astype(np.intp)
    columns = np.clip((across + 1) / 2 * width, 0, width - 1).astype(np.intp)
    return np.asarray(scene + (small[rows, columns] - scene) * mask, np.uint8)


def restyled(scene: Picture, like: Picture, share: float) -> Picture:
    """Return a scene with the colours and the broad light of another picture of its size.

    The amplitudes of its lowest frequencies, `share` of the side around the middle, are the other's (2004.05498).
    """
    own = np.fft.rfft2(scene.astype(np.float32), axes=(0, 1))
    other = np.abs(np.fft.rfft2(like.astype(np.float32), axes=(0, 1)))
    reach = max(1, round(scene.shape[0] * share))
    for rows in (slice(0, reach), slice(-reach + 1, None) if reach > 1 else slice(0, 0)):
        part = own[rows, :reach]
        own[rows, :reach] = part / np.maximum(np.abs(part), 1e-6) * other[rows, :reach]
    return np.asarray(np.clip(np.fft.irfft2(own, s=scene.shape[:2], axes=(0, 1)), 0, 255), np.uint8)


def _as_video(picture: Picture, *, crf: int) -> Picture:
    height, width = (length // 2 * 2 for length in picture.shape[:2])
    return np.asarray(capture.through_h264(picture[None, :height, :width], crf=crf)[0])


def _shaken(pixels: Picture, rng: np.random.Generator) -> Picture:
    dy, dx = (int(v) for v in rng.integers(-3, 4, 2))
    steps = [np.roll(pixels, (k * dy // 2, k * dx // 2), (0, 1)) for k in range(4)]
    return np.asarray(np.mean(steps, axis=0), np.uint8)
