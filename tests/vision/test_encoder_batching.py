"""The resident encoder: batches across threads, equal results, errors to their callers, an orderly end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vsortd.errors import ModelError
from vsortd.vision.batching import BatchingEncoder
from vsortd.vision.factory import load_encoder
from vsortd.vision.loading import LoadedModel, load_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Watched:
    """A model that tells how many pictures it was given at once, and may stumble over some."""

    def __init__(self, module: Any, stumble: Callable[[torch.Tensor], None] = lambda _: None) -> None:
        self.module = module
        self.stumble = stumble
        self.batches: list[int] = []
        self.texts = 0
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def encode_image(self, pictures: torch.Tensor) -> torch.Tensor:
        """Count, perhaps wait or stumble, then embed."""
        self.entered.set()
        assert self.gate.wait(20)
        self.batches.append(len(pictures))
        self.stumble(pictures)
        return self.module.encode_image(pictures)

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        """Count, then embed."""
        self.texts += len(tokens)
        return self.module.encode_text(tokens)


@pytest.fixture(scope="module")
def loaded(tiny: Any) -> LoadedModel:
    """Load the tiny model in fp32."""
    return load_model(tiny.choice, device="cpu", dtype=torch.float32)


@pytest.fixture(scope="module")
def encoder(loaded: LoadedModel) -> Iterator[BatchingEncoder]:
    """One encoder for the tests that only ask."""
    made = BatchingEncoder(loaded)
    yield made
    made.close()


def pictures(seed: int, count: int) -> np.ndarray:
    """Return random pictures for the tiny model."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether rows agree up to what another batch size may change."""
    return one.shape == other.shape and bool(((one * other).sum(axis=1) > 1 - 1e-5).all())


def queued(encoder: BatchingEncoder, count: int) -> None:
    """Wait until so many requests are in the queue."""
    asked = encoder._thread
    with asked.wake:
        assert asked.wake.wait_for(lambda: len(asked.queue) == count, 10)


def test_rows_are_float32_of_length_one(encoder: BatchingEncoder) -> None:
    """Both methods return [n, dim] float32 unit rows."""
    for rows in (encoder.encode_images(pictures(0, 5)), encoder.encode_texts(["a", "b", "c", "d", "e"])):
        assert rows.dtype == np.float32
        assert rows.shape == (5, 32)
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_normalisation_is_that_of_the_pretrained_config(tiny: Any, encoder: BatchingEncoder) -> None:
    """uint8 in, mean and std of the config applied here: the vector of torchvision's own transform."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    pixels = pictures(3, 1)
    transform = image_transform_v2(
        PreprocessCfg(size=32, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3), resize_mode="squash"),
        is_train=False,
    )
    with torch.no_grad():
        expected = tiny.module.encode_image(transform(Image.fromarray(pixels[0]))[None], normalize=True).numpy()
    assert same(expected, encoder.encode_images(pixels))


def test_eight_threads_get_what_one_gets(encoder: BatchingEncoder) -> None:
    """Results don't depend on who else asked, nor on the size of the request."""
    asked = [pictures(seed, 1 + seed % 7) for seed in range(64)]
    alone = [encoder.encode_images(each) for each in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(encoder.encode_images, asked))
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))


def test_texts_and_pictures_from_many_threads(encoder: BatchingEncoder) -> None:
    """Mixed requests are answered with their own kind."""
    texts = [[f"word {number}", f"other {number % 3}"] for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        rows = [pool.submit(encoder.encode_texts, each) for each in texts]
        images = [pool.submit(encoder.encode_images, pictures(seed, 2)) for seed in range(20)]
        assert all(same(encoder.encode_texts(each), row.result()) for each, row in zip(texts, rows, strict=True))
        assert all(same(encoder.encode_images(pictures(seed, 2)), image.result()) for seed, image in enumerate(images))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_any_sizes_come_back_in_order(encoder: BatchingEncoder, sizes: Sequence[int]) -> None:
    """Requests of any size, larger than a batch too, get their own rows in their own order."""
    asked = [pictures(size, size) for size in sizes]
    with ThreadPoolExecutor(len(sizes)) as pool:
        answers = list(pool.map(encoder.encode_images, asked))
    for one, rows in zip(asked, answers, strict=True):
        assert same(encoder.encode_images(one[-1:]), rows[-1:])
        assert len(rows) == len(one)


def test_waiting_requests_are_merged_up_to_the_bound(loaded: LoadedModel) -> None:
    """While one batch runs the others gather: five requests of 3, at most 8 at once, make 6, 6 and 3."""
    model = Watched(loaded.module)
    encoder = BatchingEncoder(replace(loaded, module=model), max_batch=8)
    try:
        model.gate.clear()
        with ThreadPoolExecutor(6) as pool:
            first = pool.submit(encoder.encode_images, pictures(0, 1))
            assert model.entered.wait(10)
            rest = [pool.submit(encoder.encode_images, pictures(seed, 3)) for seed in range(1, 6)]
            queued(encoder, 5)
            model.gate.set()
            first.result()
            assert all(len(each.result()) == 3 for each in rest)
        assert model.batches == [1, 6, 6, 3]
    finally:
        model.gate.set()
        encoder.close()


def test_large_requests_run_in_pieces(loaded: LoadedModel) -> None:
    """One request beyond the bound runs as several batches."""
    model = Watched(loaded.module)
    encoder = BatchingEncoder(replace(loaded, module=model), max_batch=4)
    try:
        assert same(encoder.encode_images(pictures(1, 10)), encoder.encode_images(pictures(1, 10)))
        assert model.batches == [4, 4, 2] * 2
    finally:
        encoder.close()


def short_of_memory(limit: int) -> Callable[[torch.Tensor], None]:
    """Return what a GPU does that holds `limit` pictures at once."""

    def stumble(batch: torch.Tensor) -> None:
        if len(batch) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    return stumble


def test_short_memory_halves_the_batch_for_good(loaded: LoadedModel, encoder: BatchingEncoder) -> None:
    """16 and 8 are too many, 4 fit; the answer is the same, and the next request starts with 4."""
    model = Watched(loaded.module, short_of_memory(5))
    tight = BatchingEncoder(replace(loaded, module=model), max_batch=16)
    try:
        assert same(encoder.encode_images(pictures(2, 16)), tight.encode_images(pictures(2, 16)))
        assert model.batches == [16, 8, 4, 4, 4, 4]
        tight.encode_images(pictures(3, 6))
        assert model.batches[6:] == [4, 2]
    finally:
        tight.close()


def test_memory_too_short_for_one_picture_is_an_error(loaded: LoadedModel) -> None:
    """Halving ends at one; then the caller hears of it."""
    encoder = BatchingEncoder(replace(loaded, module=Watched(loaded.module, short_of_memory(0))))
    try:
        with pytest.raises(ModelError, match="out of memory"):
            encoder.encode_images(pictures(0, 3))
    finally:
        encoder.close()


def test_an_error_reaches_the_caller_and_the_encoder_goes_on(loaded: LoadedModel) -> None:
    """What the model raises becomes a ModelError with its cause; the next request is served."""

    def stumble(batch: torch.Tensor) -> None:
        if len(batch) == 3:
            raise RuntimeError("illegal memory access")

    encoder = BatchingEncoder(replace(loaded, module=Watched(loaded.module, stumble)))
    try:
        with pytest.raises(ModelError, match="RuntimeError: illegal memory access") as caught:
            encoder.encode_images(pictures(0, 3))
        assert isinstance(caught.value.__cause__, RuntimeError)
        assert encoder.encode_images(pictures(0, 2)).shape == (2, 32)
    finally:
        encoder.close()


def test_pictures_without_numbers_fail_alone(loaded: LoadedModel) -> None:
    """Of two callers in one batch only the one whose vectors are no numbers gets an error."""

    class Poisoned(Watched):
        def encode_image(self, pictures: torch.Tensor) -> torch.Tensor:
            rows = super().encode_image(pictures).clone()
            rows[pictures.flatten(2).std(dim=2).sum(dim=1) < 1e-6] = float("nan")  # a picture of one colour
            return rows

    model = Poisoned(loaded.module)
    encoder = BatchingEncoder(replace(loaded, module=model))
    try:
        model.gate.clear()
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(encoder.encode_images, pictures(9, 1))
            assert model.entered.wait(10)
            good = pool.submit(encoder.encode_images, pictures(0, 2))
            bad = pool.submit(encoder.encode_images, np.full((1, 32, 32, 3), 128, np.uint8))
            queued(encoder, 2)
            model.gate.set()
            assert first.result().shape == (1, 32)
            assert good.result().shape == (2, 32)
            with pytest.raises(ModelError, match="no numbers"):
                bad.result()
        assert model.batches == [1, 3]
    finally:
        model.gate.set()
        encoder.close()


def test_wrong_pictures_are_a_mistake_of_the_caller(encoder: BatchingEncoder) -> None:
    """Other sizes, dtypes and shapes are refused before they reach the model."""
    for wrong in (
        np.zeros((1, 33, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 4), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
    ):
        with pytest.raises(ValueError, match="wants uint8"):
            encoder.encode_images(wrong)  # type: ignore[arg-type]


def test_nothing_asked_is_nothing_answered(encoder: BatchingEncoder) -> None:
    """No pictures, no texts: no rows."""
    assert encoder.encode_images(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 32)
    assert encoder.encode_texts([]).shape == (0, 32)


def test_read_only_and_strided_pictures(encoder: BatchingEncoder) -> None:
    """Frames straight from a pipe's buffer (read-only), or every second one of an array."""
    pixels = pictures(5, 4)
    frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)
    assert same(encoder.encode_images(pixels), encoder.encode_images(frozen))
    assert same(encoder.encode_images(pixels)[::2], encoder.encode_images(pixels[::2]))


def test_texts_are_computed_once(loaded: LoadedModel) -> None:
    """A text is remembered, within a request and between requests; rows come in the asked order."""
    model = Watched(loaded.module)
    encoder = BatchingEncoder(replace(loaded, module=model))
    try:
        first = encoder.encode_texts(["sea", "forest", "sea"])
        assert model.texts == 2
        second = encoder.encode_texts(["forest", "city", "sea"])
        assert model.texts == 3
        np.testing.assert_array_equal(first[0], first[2])
        np.testing.assert_array_equal(first[1], second[0])
        np.testing.assert_array_equal(first[0], second[2])
    finally:
        encoder.close()


def test_closing_answers_what_was_asked_and_refuses_what_comes(loaded: LoadedModel) -> None:
    """Requests in the queue are served, the thread ends, later ones get an error; closing twice is fine."""
    model = Watched(loaded.module)
    encoder = BatchingEncoder(replace(loaded, module=model))
    model.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(encoder.encode_images, pictures(0, 2))]
        assert model.entered.wait(10)
        waiting.append(pool.submit(encoder.encode_images, pictures(1, 2)))
        queued(encoder, 1)
        closing = pool.submit(encoder.close)
        model.gate.set()
        assert [each.result().shape for each in waiting] == [(2, 32), (2, 32)]
        closing.result()
    assert not encoder._thread.is_alive()
    with pytest.raises(ModelError, match="closed"):
        encoder.encode_images(pictures(0, 1))
    with pytest.raises(ModelError, match="closed"):
        encoder.encode_texts(["never seen"])
    encoder.close()


def test_load_encoder_is_the_way_in(tiny: Any) -> None:
    """The public function gives a working encoder, in this machine's best precision, that knows all words."""
    encoder = load_encoder(tiny.choice, device="cpu")
    try:
        assert encoder.info.dim == 32
        assert encoder.unknown_words("a quokka") == ()
        assert encoder.encode_images(pictures(0, 2)).shape == (2, 32)
    finally:
        encoder.close()
