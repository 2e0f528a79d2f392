"""The vectors of prompts on disk: made once, right or made anew, and never in the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from loguru import logger
from safetensors.torch import save_file

from tests.support.rules import rule
from vsortd.config.rules import RuleTree
from vsortd.judging.resident_model import ResidentModel
from vsortd.vision import batching, text_cache
from vsortd.vision.batching import BatchingEncoder
from vsortd.vision.factory import load_encoder
from vsortd.vision.loading import load_model
from vsortd.vision.prompts import level_vectors
from vsortd.vision.text_cache import TextCache
from vsortd.vision.text_tower import TextSide

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = ["a forest", "the sea at night", ""]


class Counted(TextSide):
    """The real text side, which notes how many texts it embeds."""

    embedded = 0

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        Counted.embedded += len(tokens)
        return super().encode(tokens)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    """Count what the models of this test embed."""
    monkeypatch.setattr(Counted, "embedded", 0)
    monkeypatch.setattr(batching, "TextSide", Counted)
    return Counted


@pytest.fixture
def warned() -> Iterator[list[str]]:
    """Collect what is warned of."""
    messages: list[str] = []
    number = logger.add(lambda message: messages.append(message.record["message"]), level="WARNING")
    yield messages
    logger.remove(number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the cache lies."""
    return tmp_path / "state" / "texts.sqlite3"


def tree(*names: str) -> RuleTree:
    """Make rules of names."""
    return RuleTree(rules=tuple(rule(name, prompts=(name, f"a picture with {name}")) for name in names))


def embed(loaded: Any, path: Path | None, texts: list[str]) -> np.ndarray:
    """Embed texts with a fresh encoder over a loaded model."""
    encoder = BatchingEncoder(loaded, texts=path)
    try:
        return encoder.encode_texts(texts)
    finally:
        encoder.close()


def unit(seed: int, dim: int = 4) -> np.ndarray:
    row = np.random.default_rng(seed).normal(size=dim)
    return (row / np.linalg.norm(row)).astype(np.float32)


def test_a_second_start_embeds_no_text(tiny: Any, path: Path, counted: type[Counted]) -> None:
    """The rules' vectors are the same bit for bit, and the model is not asked; a new rule costs its own texts."""
    found = []
    for file in (path, path, None):
        counted.embedded = 0
        encoder = load_encoder(tiny.choice, device="cpu", texts=file)
        vectors = level_vectors(tree("forest", "sea"), encoder)
        encoder.close()
        found.append((counted.embedded, vectors.levels[""]))
    (first, cold), (second, warm), (plain, none) = found
    assert (first, 0) == (plain, second)
    assert first > 0
    for level in (warm, none):
        assert np.array_equal(cold.vectors, level.vectors)
        assert np.array_equal(cold.negative_vectors, level.negative_vectors)

    counted.embedded = 0
    encoder = load_encoder(tiny.choice, device="cpu", texts=path)
    level_vectors(tree("forest", "sea", "snow"), encoder)
    encoder.close()
    assert 0 < counted.embedded < first


def test_rows_come_back_bit_for_bit(tiny: Any, path: Path, counted: type[Counted]) -> None:
    """Rows in the order that is asked for, from file and model mixed."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    made = embed(loaded, path, TEXTS)
    assert np.array_equal(made, embed(loaded, path, TEXTS))
    assert 3 == counted.embedded
    mixed = embed(loaded, path, ["new", *TEXTS[::-1], "new"])
    assert np.array_equal(made[::-1], mixed[1:4])
    assert np.array_equal(mixed[0], mixed[4])
    assert 4 == counted.embedded


def test_the_resident_model_uses_the_file(tiny: Any, path: Path, counted: type[Counted]) -> None:
    """What makes a `ResidentModel` says where the file lies."""
    counts = []
    for _ in range(2):
        counted.embedded = 0
        model = ResidentModel(tiny.choice, tree("forest"), keep_trying=False, texts_path=path)
        model.get(threading.Event())
        model.close()
        counts.append(counted.embedded)
    assert counts[0] > 0
    assert 0 == counts[1]


def test_another_model_is_asked_itself(
    tiny: Any, choose: Any, model_config: Any, path: Path, counted: type[Counted]
) -> None:
    """Other weights, another precision and another architecture over the same weights have rows of their own."""
    folder = path.parent.parent
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    save_file({key: value * 1.01 for key, value in tiny.state.items()}, folder / "tiny.safetensors")
    model_config(folder / "tiny.json")
    shutil.copy(tiny.weights, folder / "quick.safetensors")
    model_config(folder / "quick.json", quick_gelu=True)
    others = [
        load_model(choose("tiny", str(folder / "tiny.safetensors")), device="cpu", dtype=torch.float32),
        load_model(tiny.choice, device="cpu", dtype=torch.bfloat16),
        load_model(choose("tiny", str(folder / "quick.safetensors")), device="cpu", dtype=torch.float32),
    ]
    assert loaded.info.key == others[2].info.key, "the key alone doesn't tell these two apart"
    embed(loaded, path, TEXTS)
    for number, other in enumerate(others, 2):
        assert np.array_equal(embed(other, None, TEXTS), embed(other, path, TEXTS))
        assert 3 * (2 * number - 2) + 3 == counted.embedded
    for one in (loaded, *others):  # by now all are known
        embed(one, path, TEXTS)
    assert 21 == counted.embedded


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE text SET vector = zeroblob(128)",
        "UPDATE text SET vector = CAST(x'0000c07f' || substr(vector, 5) AS BLOB)",  # a NaN
        "UPDATE text SET vector = CAST(x'0000807f' || substr(vector, 5) AS BLOB)",  # infinity
        "UPDATE text SET vector = substr(vector, 5)",
        "UPDATE text SET vector = CAST(substr(vector, 5) || x'0000003f' AS BLOB)",  # one number is another
        "UPDATE text SET vector = 7",
        "UPDATE text SET dim = 31",
    ],
)
def test_a_row_that_can_not_be_right_is_made_anew(
    tiny: Any, path: Path, counted: type[Counted], warned: list[str], damage: str
) -> None:
    """Wrong length, no numbers, not of length 1: the model is asked, and the row is mended."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    made = embed(loaded, path, TEXTS[:2])
    with sqlite3.connect(path) as db:
        db.execute(damage)
    db.close()
    for _ in range(2):
        assert np.array_equal(made, embed(loaded, path, TEXTS[:2]))
    assert 4 == counted.embedded
    assert [] == warned


def garbage(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)


def cut(path: Path) -> None:
    cache = TextCache(path, "m", 32)
    cache.keep({str(number): unit(number, 32) for number in range(500)})
    path.write_bytes(path.read_bytes()[:5000])


def newer(path: Path) -> None:
    TextCache(path, "m", 32).recall(["a"])
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def foreign(path: Path) -> None:
    path.parent.mkdir()
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE text (line TEXT); PRAGMA user_version = 1")
    db.close()


def no_folder(path: Path) -> None:
    path.parent.write_text("a file")


def a_folder(path: Path) -> None:
    path.mkdir(parents=True)


@pytest.mark.parametrize("trouble", [garbage, cut, newer, foreign, no_folder, a_folder])
def test_a_file_that_can_not_be_used_stops_nothing(tiny: Any, path: Path, warned: list[str], trouble: Any) -> None:
    """One warning that names the file, and vectors as without it."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    trouble(path)
    encoder = BatchingEncoder(loaded, texts=path)
    for text in TEXTS:
        assert np.array_equal(embed(loaded, None, [text]), encoder.encode_texts([text]))
    encoder.close()
    (message,) = warned
    assert str(path) in message


def test_a_file_that_can_only_be_read_stops_nothing(
    tiny: Any, path: Path, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own refusal to write, which root would not get from a folder's mode."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    kept = embed(loaded, path, TEXTS[:1])
    connect = sqlite3.connect
    monkeypatch.setattr(
        text_cache.sqlite3, "connect", lambda file, **options: connect(f"file:{file}?mode=ro", uri=True, **options)
    )
    assert np.array_equal(kept, embed(loaded, path, TEXTS[:1]))
    assert [] == warned
    np.testing.assert_allclose(embed(loaded, None, TEXTS), embed(loaded, path, TEXTS), atol=1e-6)
    assert 1 == len(warned)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes into any folder")
def test_a_folder_that_can_only_be_read_stops_nothing(tiny: Any, path: Path, warned: list[str]) -> None:
    """The same, from the filesystem."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    path.parent.mkdir(mode=0o500)
    assert np.array_equal(embed(loaded, None, TEXTS), embed(loaded, path, TEXTS))
    assert 1 == len(warned)


def test_what_was_not_used_for_longest_goes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays bounded; a text that is used stays."""
    now = 1_000_000.0
    monkeypatch.setattr(text_cache.time, "time", lambda: now)
    cache = TextCache(path, "m", 4, max_texts=3)
    rows = {name: unit(number) for number, name in enumerate("abcde")}
    for name in "abc":
        cache.keep({name: rows[name]})
        now += 100_000
    assert ["a"] == list(cache.recall(["a", "z"]))
    now += 100_000
    cache.keep({"d": rows["d"]})
    assert ["a", "c", "d"] == sorted(cache.recall(rows))
    cache.keep(rows)  # more at once than it holds
    assert 3 == len(cache.recall(rows))


def test_a_start_with_known_texts_writes_nothing(path: Path) -> None:
    """The time of use is kept by the day."""
    cache = TextCache(path, "m", 4)
    cache.keep({"a": unit(1)})
    before = path.read_bytes()
    assert ["a"] == list(cache.recall(["a"]))
    assert before == path.read_bytes()


def test_any_text_can_be_kept(path: Path) -> None:
    """Zeros, quotes, other scripts, and bytes of the command line that are no text."""
    rows = {text: unit(number) for number, text in enumerate(["", "\0", "'; --", "森", "\udcff", "a" * 100_000])}
    TextCache(path, "m", 4).keep(rows)
    found = TextCache(path, "m", 4).recall(rows)
    assert rows.keys() == found.keys()
    assert all(np.array_equal(rows[text], found[text]) for text in rows)
    assert {} == TextCache(path, "other", 4).recall(rows)
    assert {} == TextCache(path, "m", 5).recall(rows)


WRITER = """
import sys, numpy as np
from pathlib import Path
from vsortd.vision.text_cache import TextCache
cache = TextCache(Path(sys.argv[1]), "m", 4)
for number in range(100):
    cache.keep({f"{sys.argv[2]}-{number}": np.array([1, 0, 0, 0], np.float32)})
    assert f"{sys.argv[2]}-{number}" in cache.recall([f"{sys.argv[2]}-{number}"])
"""


def test_two_processes_share_the_file(path: Path) -> None:
    """Both make the file, and both write while the other does; nothing is lost."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stderr=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    assert ["", ""] == [writer.communicate(timeout=50)[1] for writer in writers]
    names = [f"{name}-{number}" for name in "ab" for number in range(100)]
    assert names == list(TextCache(path, "m", 4).recall(names))


def test_many_threads_use_one_encoder(tiny: Any, path: Path, counted: type[Counted]) -> None:
    """Each gets its rows, and afterwards all texts are known."""
    loaded = load_model(tiny.choice, device="cpu", dtype=torch.float32)
    encoder = BatchingEncoder(loaded, texts=path)
    texts = [f"thing {number}" for number in range(12)]
    expected = embed(replace(loaded), None, texts)
    wrong: list[int] = []

    def ask(number: int) -> None:
        rows = encoder.encode_texts(texts[number:] + texts[:number])
        if not np.allclose(np.roll(rows, number, axis=0), expected, atol=1e-5):
            wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    encoder.close()
    assert [] == wrong
    counted.embedded = 0
    embed(loaded, path, texts)
    assert 0 == counted.embedded
