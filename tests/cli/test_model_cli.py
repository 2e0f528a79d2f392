"""`vsortd model`: the table, the JSON, and what can't be fetched."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tests.support.paths import REPOSITORY
from vsortd.cli.app import command as command_line
from vsortd.errors import ModelError, UsageError
from vsortd.vision.model_speeds import MeasuredSpeed, keep_speed, this_machine
from vsortd.vision.models import AUTO_CPU, AUTO_CUDA, RECOMMENDED, ModelUnavailableError
from vsortd.vision.this_machine import Gpu, driver_is_there

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty hub cache and no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("VSORTD_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


def run(*words: str) -> str:
    """Run the group; errors come through as they reach the boundary."""
    result = CliRunner().invoke(command_line(), ["model", *words], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_what_each_needs_and_what_this_machine_has(empty_cache: Path) -> None:
    """Bytes follow from parameters, a speed is told only where it was measured, and one model is auto's."""
    first = RECOMMENDED[0]
    word = f"{first.name}/{first.tag}"
    measured = MeasuredSpeed(word, this_machine(), "cpu", "", "bfloat16", 7.5, 2.0, 3 * 10**9, None, "2026-01-01")
    keep_speed(empty_cache / "state", measured)
    document = json.loads(run("list", "--json"))
    entries = {f"{entry['name']}/{entry['tag']}": entry for entry in document["models"]}
    assert [document["machine"]["auto"]] == [name for name, entry in entries.items() if entry["auto"]]
    assert document["machine"]["cores"] >= 1
    one = entries[word]
    assert (448 * 4 * 10**6, 448 * 2 * 10**6, 35.6) == (one["memory_bytes"], one["gpu_bytes"], one["gflops"])
    assert (7.5, 3 * 10**9, "cpu, bfloat16") == (
        one["frames_per_s"], one["measured_memory_bytes"], one["measured_on"]
    )  # fmt: skip
    assert {word} == {name for name, entry in entries.items() if entry["frames_per_s"] is not None}
    assert ["transformers"] == entries["ViT-B-16-SigLIP2/webli"]["packages"]
    inside = entries["sample/"]
    assert inside["params_m"] * 4e6 == pytest.approx(inside["memory_bytes"], rel=0.01)
    text = run("list")
    assert "auto here" in text
    assert "This machine: " in text
    (line,) = [line for line in text.splitlines() if line.startswith(first.name)]
    assert " 7.5 " in line


def test_the_recommended_models_as_json(empty_cache: Path) -> None:
    """One entry a model, the sample model last and always there; cached tells the truth."""
    model = RECOMMENDED[1]
    folder = empty_cache / f"models--{model.repository.replace('/', '--')}" / "snapshots" / "x"
    folder.mkdir(parents=True)
    (folder / "open_clip_model.safetensors").write_bytes(b"x")
    document = json.loads(run("list", "--json"))
    assert document["schema_version"] == 1
    assert document["cache"] == str(empty_cache)
    entries = {(entry["name"], entry["tag"]): entry for entry in document["models"]}
    assert entries[model.name, model.tag]["cached"] is True
    assert entries[RECOMMENDED[0].name, RECOMMENDED[0].tag]["cached"] is False
    assert entries["sample", ""]["cached"] is True
    assert all(entry["licence"] and entry["purpose"] for entry in entries.values())


def test_the_table_names_every_model() -> None:
    """People see names, weights and licences."""
    text = run("list")
    for model in RECOMMENDED:
        assert model.name in text
    assert "Apache-2.0" in text


def test_every_pair_of_open_clip() -> None:
    """`--all` lists what open_clip knows."""
    import open_clip

    document = json.loads(run("list", "--all", "--json"))
    assert {(entry["name"], entry["tag"]) for entry in document["models"]} == set(open_clip.list_pretrained())
    assert ["ViT-B-32-256", "datacomp_s34b_b86k"] in [line.split()[:2] for line in run("list", "--all").splitlines()]


@pytest.mark.skipif(driver_is_there(), reason="a GPU's driver is here: torch alone can tell whether it computes on it")
def test_listing_needs_no_torch() -> None:
    """The recommended table comes without torch, open_clip and the hub's library."""
    code = (
        "import sys; from vsortd.__main__ import main; assert main(['model', 'list']) == 0;"
        "heavy = {'torch', 'open_clip', 'huggingface_hub', 'av', 'numpy'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


def test_fetching_offline_says_what_to_do() -> None:
    """The error of the loader, with tag and cache folder."""
    with pytest.raises(ModelUnavailableError, match="ViT-B-32-256 / datacomp_s34b_b86k"):
        run("fetch", "ViT-B-32-256")
    with pytest.raises(ModelUnavailableError, match="ViT-B-32-256 / datacomp_s34b_b86k"):
        run("fetch", "auto")


@pytest.mark.parametrize(("gpus", "wanted"), [((), AUTO_CPU), ((Gpu("A", 8 << 30),), AUTO_CUDA)])
def test_auto_fetches_only_what_it_means_on_this_machine(
    gpus: tuple[Gpu, ...], wanted: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vsortd.vision.this_machine._gpus", lambda: gpus)
    asked: list[tuple[str, str]] = []

    def obtain(name: str, tag: str, *_: object, **__: object) -> Path:
        asked.append((name, tag))
        return REPOSITORY / "README.md"

    monkeypatch.setattr("vsortd.vision.hub.obtain_weights", obtain)
    (one,) = json.loads(run("fetch", "auto", "--json"))["fetched"]
    assert [wanted] == asked == [(one["name"], one["tag"])]


def test_fetching_what_is_there(empty_cache: Path) -> None:
    """Cached weights are only named."""
    model = RECOMMENDED[2]
    folder = empty_cache / f"models--{model.repository.replace('/', '--')}" / "snapshots" / "x"
    folder.mkdir(parents=True)
    (folder / "open_clip_model.safetensors").write_bytes(b"12345")
    document = json.loads(run("fetch", model.name, model.tag, "--json"))
    path = str(folder / "open_clip_model.safetensors")
    assert document["fetched"] == [{"name": model.name, "tag": model.tag, "path": path, "size_bytes": 5}]
    assert path in run("fetch", model.name).replace("\n", "")


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("sample",), UsageError, "nothing to fetch"),
        (("auto", "openai"), UsageError, "auto takes no tag"),
        (("auto/openai",), UsageError, "auto takes no tag"),
        (("RN50/opnai",), ModelError, "Did you mean openai"),
        (("RN50",), UsageError, "It has: openai"),
        (("RN51",), ModelError, "Did you mean RN50"),
        (("RN50", "opnai"), ModelError, "Did you mean openai"),
    ],
)
def test_what_can_not_be_fetched(words: tuple[str, ...], error: type[Exception], says: str) -> None:
    """Each mistake with its own words."""
    with pytest.raises(error, match=says):
        run("fetch", *words)
