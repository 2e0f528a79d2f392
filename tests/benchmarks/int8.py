"""Is int8 quicker on a CPU, at equal decisions? `python -m tests.benchmarks.int8 [--photos TAR] [--clips FOLDER]`.

The image tower of ViT-B-32 (weights drawn by chance: the cost is the same) and of the sample model, a decision's first
look of 8 pictures at once, as torch runs it in float32 and in bfloat16, as OpenVINO runs it in both, and in int8: by
OpenVINO and NNCF, by ONNX Runtime, by torchao. All ways take their turns in one run; medians of wall and CPU time.
With photographs (a tar) and clips the sample model tells how many decisions differ from float32: the likeliest of its
14 subjects, if that has the default `min_score` and `min_margin`; a clip is the mean of its first 8 frames.

A way whose packages aren't installed (nncf, torchao) is left out, and said to be. None of this is part of vsortd.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import sys
import tarfile
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import platformdirs
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from tests.benchmarks.speed.machine import facts, load
from tests.benchmarks.speed.models import choice
from tests.sample_model.renderer import Subject
from vsortd.config.settings import ModelChoice
from vsortd.vision.loading import LoadedModel, load_model
from vsortd.vision.openvino_network import import_openvino

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

SCHEMA_VERSION: Final = 1
BATCH: Final = 8
CALIBRATED_ON: Final = 8  # batches
MIN_SCORE, MIN_MARGIN = 0.35, 0.1
_SUFFIXES: Final = {".mp4", ".mov"}

Untyped = Any
Pictures = "npt.NDArray[np.float32]"  # normalised, [8, 3, side, side]
Way = "Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]"


def ways(model: str | ModelChoice, calibration: Sequence[npt.NDArray[np.float32]], folder: Path) -> dict[str, Any]:
    """Return each way of running an image tower: a function, or why there is none."""
    loaded = load_model(model, device="cpu", dtype=torch.float32)
    visual = loaded.module.visual
    made: dict[str, Callable[[], Any]] = {
        "torch float32": lambda: by_torch(visual, torch.float32),
        "torch bfloat16": lambda: by_torch(
            load_model(model, device="cpu", dtype=torch.bfloat16).module.visual, torch.bfloat16
        ),
        "OpenVINO float32": lambda: by_openvino(visual, calibration[0], "f32"),
        "OpenVINO bfloat16": lambda: by_openvino(visual, calibration[0], "bf16"),
        "OpenVINO int8 (NNCF)": lambda: by_nncf(visual, calibration, transformer=model != "sample"),
        "OpenVINO int8 (ONNX's tools)": lambda: by_openvino_of_onnx(visual, calibration, folder),
        "ONNX Runtime float32": lambda: by_onnx(_exported(visual, calibration[0], folder)),
        "ONNX Runtime int8": lambda: by_onnx(_quantized(visual, calibration, folder, dynamic=False)),
        "ONNX Runtime int8, dynamic": lambda: by_onnx(_quantized(visual, calibration, folder, dynamic=True)),
        "torchao int8": lambda: by_torchao(visual),
    }
    found = {}
    for name, make in made.items():
        try:
            found[name] = make()
        except Exception as error:  # noqa: BLE001 - a way that can't be gone is told, the others are measured
            found[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    return found


def by_torch(visual: Untyped, dtype: torch.dtype) -> Any:
    """Run the tower as vsortd does."""

    def run(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        with torch.no_grad():
            rows: npt.NDArray[np.float32] = visual(torch.from_numpy(pictures).to(dtype)).float().numpy()
        return rows

    return run


def by_openvino(visual: Untyped, example: npt.NDArray[np.float32], precision: str) -> Any:
    """Run the tower by OpenVINO, computing in a precision."""
    ov = import_openvino()
    return _compiled(ov, _converted(ov, visual, example), precision)


def by_nncf(visual: Untyped, calibration: Sequence[npt.NDArray[np.float32]], *, transformer: bool) -> Any:
    """Run the tower by OpenVINO in int8, calibrated by NNCF."""
    ov = import_openvino()
    import nncf  # type: ignore[import-not-found]

    model = _converted(ov, visual, calibration[0])
    kind = {"model_type": nncf.ModelType.TRANSFORMER} if transformer else {}
    small = nncf.quantize(model, nncf.Dataset(list(calibration)), subset_size=len(calibration), **kind)
    return _compiled(ov, small, "f32")


def _converted(ov: Any, visual: Untyped, example: npt.NDArray[np.float32]) -> Any:
    return ov.convert_model(visual, example_input=torch.from_numpy(example), input=[example.shape])


def _compiled(ov: Any, model: Any, precision: str) -> Any:
    how = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision, "ENABLE_CPU_PINNING": False}
    request = ov.Core().compile_model(model, "CPU", how).create_infer_request()
    return lambda pictures: np.array(next(iter(request.infer([pictures]).values())))


def by_openvino_of_onnx(visual: Untyped, calibration: Sequence[npt.NDArray[np.float32]], folder: Path) -> Any:
    """Run the tower by OpenVINO in int8, as ONNX Runtime's tools quantized it: what there is without NNCF."""
    ov = import_openvino()
    path = _quantized(visual, calibration, folder, dynamic=False)
    return _compiled(ov, ov.Core().read_model(str(path)), "f32")


def by_onnx(path: Path) -> Any:
    """Run a tower in a file by ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as torch's threads sleep
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda pictures: session.run(None, {"pictures": pictures})[0]


def _exported(visual: Untyped, example: npt.NDArray[np.float32], folder: Path) -> Path:
    """Write the tower as ONNX, with what quantization wants to know of it; returns the file."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    plain, ready = (folder / f"{name}.onnx" for name in ("plain", "ready"))
    if not ready.exists():
        torch.backends.mha.set_fastpath_enabled(False)  # its one operator has no counterpart in ONNX
        try:
            torch.onnx.export(visual, (torch.from_numpy(example),), str(plain), input_names=["pictures"], dynamo=False)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)
        quant_pre_process(str(plain), str(ready), skip_symbolic_shape=True)  # it knows no shape that attention has
    return ready


def _quantized(visual: Untyped, calibration: Sequence[npt.NDArray[np.float32]], folder: Path, *, dynamic: bool) -> Path:
    """Quantize the tower by ONNX Runtime's tools; activations by what calibration shows, or `dynamic` as they come."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

    ready = _exported(visual, calibration[0], folder)
    small = folder / f"{'dynamic' if dynamic else 'static'}.onnx"
    if small.exists():
        return small
    # without VNNI products of 8 bits overflow in 16, so the weights get 7
    how: dict[str, Any] = {"weight_type": QuantType.QInt8, "per_channel": True, "reduce_range": not _has_vnni()}
    if dynamic:
        quantize_dynamic(str(ready), str(small), **how)
        return small

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(calibration)

        def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
            batch = next(self._left, None)
            return None if batch is None else {"pictures": batch}

    quantize_static(str(ready), str(small), Reader(), activation_type=QuantType.QUInt8, **how)
    return small


def _has_vnni() -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and "vnni" in info.read_text(encoding="utf-8", errors="replace")


def by_torchao(visual: Untyped) -> Any:
    """Run the tower by torchao: weights, and activations as they come, in int8; linear layers alone, not compiled."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_  # type: ignore[import-not-found]

    small = copy.deepcopy(visual)
    quantize_(small, Int8DynamicActivationInt8WeightConfig())
    return by_torch(small, torch.float32)


def timed(found: dict[str, Any], batch: npt.NDArray[np.float32], turns: int) -> dict[str, dict[str, float]]:
    """Return each way's median wall and CPU time of a batch, ms, by turns."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name, run in found.items() if not isinstance(run, str)}
    for number in range(turns + 1):
        for name, kept in spent.items():
            began, used = time.perf_counter(), time.process_time()
            found[name](batch)
            if number:  # the first one warms up
                kept.append(((time.perf_counter() - began) * 1000, (time.process_time() - used) * 1000))
    return {
        name: {
            "wall_ms": round(median(wall for wall, _ in kept), 1),
            "least_wall_ms": round(min(wall for wall, _ in kept), 1),
            "cpu_ms": round(median(cpu for _, cpu in kept), 1),
        }
        for name, kept in spent.items()
    }


def photographs(tar: Path, at_most: int) -> Iterator[Image.Image]:
    """Yield pictures of a tar, spread over it."""
    with tarfile.open(tar) as archive:
        members = [one for one in archive.getmembers() if one.isfile()]
        for member in members[:: max(1, len(members) // at_most)][:at_most]:
            file = archive.extractfile(member)
            assert file is not None
            with contextlib.suppress(OSError), Image.open(io.BytesIO(file.read())) as picture:
                yield picture.convert("RGB")


def clip_frames(folder: Path, loaded: LoadedModel) -> list[npt.NDArray[np.uint8]]:
    """Return the first look of each clip, uint8 [n, side, side, 3]."""
    from vsortd.media.pool import MediaPool

    found = []
    with MediaPool(1, timeout_s=120.0, memory_bytes=4 << 30) as pool:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in _SUFFIXES:
                _, frames, _ = pool.look(path, range(BATCH), 32, loaded.info.preprocess)
                found.append(frames.pixels)
    return found


def normalised(pixels: npt.NDArray[np.uint8], loaded: LoadedModel) -> npt.NDArray[np.float32]:
    """Return pictures as the tower takes them, float32 [n, 3, side, side]."""
    shape = loaded.info.preprocess
    mean, std = (np.array(values, np.float32) for values in (shape.mean, shape.std))
    return np.ascontiguousarray(((pixels.astype(np.float32) / 255 - mean) / std).transpose(0, 3, 1, 2))


def rows_of(run: Any, pixels: npt.NDArray[np.uint8], loaded: LoadedModel) -> npt.NDArray[np.float32]:
    """Return unit rows of any number of pictures, eight at a time as the ways were made for."""
    rows = []
    for begin in range(0, len(pixels), BATCH):
        part = pixels[begin : begin + BATCH]
        full = np.concatenate([part, np.zeros((BATCH - len(part), *part.shape[1:]), np.uint8)])
        rows.append(run(normalised(full, loaded))[: len(part)])
    found = np.concatenate(rows).astype(np.float32)
    unit: npt.NDArray[np.float32] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def decisions(rows: npt.NDArray[np.float32], texts: npt.NDArray[np.float32], scale: float) -> npt.NDArray[np.intp]:
    """Return the subject of each row, -1 where none wins."""
    logits = scale * rows @ texts.T
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    best = odds.argmax(axis=1)
    ranked = np.sort(odds, axis=1)
    wins = (ranked[:, -1] >= MIN_SCORE) & (ranked[:, -1] - ranked[:, -2] >= MIN_MARGIN)
    return np.where(wins, best, -1)


def judged(photos: Path | None, clips: Path | None, at_most: int, folder: Path, turns: int) -> dict[str, Any]:
    """Time the sample model, and count the decisions that differ from float32."""
    loaded = load_model("sample", device="cpu", dtype=torch.float32)
    side = loaded.info.preprocess.side_px
    pictures = np.zeros((0, side, side, 3), np.uint8)
    if photos is not None:
        pictures = np.stack([np.asarray(one.resize((side, side))) for one in photographs(photos, at_most)])
    looks = clip_frames(clips, loaded) if clips is not None else []
    known = np.concatenate([pictures, *looks, np.zeros((BATCH * CALIBRATED_ON, side, side, 3), np.uint8)])
    calibration = [normalised(known[number::CALIBRATED_ON][:BATCH], loaded) for number in range(CALIBRATED_ON)]
    found = ways("sample", calibration, folder)
    texts = loaded.module.encode_text(loaded.tokenizer([f"a {one}" for one in Subject if one is not Subject.UNKNOWN]))
    words = torch.nn.functional.normalize(texts.float(), dim=-1).numpy()
    scale = loaded.info.logit_scale
    made: dict[str, tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]] = {}
    for name, run in found.items():
        if isinstance(run, str):
            continue
        rows = rows_of(run, pictures, loaded) if len(pictures) else np.zeros((0, loaded.info.dim), np.float32)
        means = [rows_of(run, one, loaded).mean(axis=0) for one in looks]
        films = np.stack(means) if means else np.zeros((0, loaded.info.dim), np.float32)
        made[name] = decisions(rows, words, scale), decisions(films, words, scale), rows
    plain = made["torch float32"]
    times = timed(found, calibration[0], turns)
    return {
        "photographs": len(pictures),
        "clips": len(looks),
        "filed": int((plain[0] >= 0).sum()),
        "ways": {
            name: {
                **times[name],
                "photographs_decided_otherwise": int((plain[0] != some[0]).sum()),
                "clips_decided_otherwise": int((plain[1] != some[1]).sum()),
                "least_cosine": round(float((plain[2] * some[2]).sum(axis=1).min(initial=1.0)), 4),
            }
            for name, some in made.items()
        },
        "left_out": {name: why for name, why in found.items() if isinstance(why, str)},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.int8", description=__doc__)
    parser.add_argument("--photos", type=Path, metavar="TAR")
    parser.add_argument("--clips", type=Path, metavar="FOLDER")
    parser.add_argument("--most", type=int, default=400, help="photographs (default 400)")
    parser.add_argument("--model", default="ViT-B-32", help="the architecture that is timed (default ViT-B-32)")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--cache", type=Path, default=platformdirs.user_cache_path("vsortd") / "speed")
    parser.add_argument("--json", type=Path, help="where the result goes")
    wishes = parser.parse_args(arguments)
    if "OMP_WAIT_POLICY" not in os.environ:  # as vsortd has it; OpenMP reads it as torch is imported, which is done
        words = sys.argv[1:] if arguments is None else arguments
        sleeping = {**os.environ, "OMP_WAIT_POLICY": "passive"}
        os.execve(sys.executable, [sys.executable, "-m", "tests.benchmarks.int8", *words], sleeping)  # noqa: S606
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "benchmark": "int8",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": facts(),
        "model": wishes.model,
    }
    warnings.simplefilter("ignore")  # of exporters: what they do is deprecated, and that they trace
    with tempfile.TemporaryDirectory() as scratch:
        chosen = choice(wishes.model, wishes.cache)
        loaded = load_model("sample", device="cpu", dtype=torch.float32)
        rng = np.random.default_rng(1)
        side = 224
        noise = [
            normalised(rng.integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8), loaded)
            for _ in range(CALIBRATED_ON)
        ]
        folders = [Path(tempfile.mkdtemp(dir=scratch)) for _ in range(2)]
        found = ways(ModelChoice(**chosen) if isinstance(chosen, dict) else chosen, noise, folders[0])
        document["ways"] = timed(found, noise[0], wishes.turns)
        document["left_out"] = {name: why for name, why in found.items() if isinstance(why, str)}
        del found
        document["sample"] = judged(wishes.photos, wishes.clips, wishes.most, folders[1], wishes.turns)
    document["machine"]["load_after"] = load()
    _print(document)
    if wishes.json is not None:
        wishes.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


def _print(document: dict[str, Any]) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    sample = document["sample"]
    title = f"8 pictures at once; decisions: {sample['photographs']} photographs, {sample['clips']} clips"
    names = (document["model"], "least", "CPU ms", "sample, ms", "least", "CPU ms", "photographs", "clips", "cosine")
    table = Table("way", *names, box=None, title=title, title_justify="left", pad_edge=False)
    for name, one in document["ways"].items():
        other = sample["ways"].get(name, {})
        keys = ("wall_ms", "least_wall_ms", "cpu_ms")
        more = ("photographs_decided_otherwise", "clips_decided_otherwise", "least_cosine")
        table.add_row(name, *(str(one[key]) for key in keys), *(str(other.get(key, "")) for key in (*keys, *more)))
    out.print(table)
    for where, left in ((document["model"], document["left_out"]), ("sample", sample["left_out"])):
        for name, why in left.items():
            out.print(f"{where}: {name} was left out: {why}", markup=False)


if __name__ == "__main__":
    sys.exit(main())
