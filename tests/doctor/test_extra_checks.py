"""`vsortd doctor` looks at what the config asks for beside the model: here? does it run? Nothing is fetched."""

from __future__ import annotations

import importlib.util
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.analysis.test_transcript import make_tiny, needs_whisper
from tests.support.tiny_clap import make_tiny_clap
from tests.support.tiny_detectors import SSDLITE, need_onnx, write_colour_onnx, write_names, write_ssdlite
from vsortd.config.load import load_settings
from vsortd.doctor import examine, extra_checks
from vsortd.doctor.finding import Finding, Severity
from vsortd.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vsortd.config.settings import Settings

    Check = Callable[..., Iterator[Finding]]

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(autouse=True)
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever asks for the network fails; caches are empty."""
    for name in ("HF_HUB_CACHE", "TORCH_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr("socket.create_connection", lambda *_, **__: pytest.fail("a connection"))
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("a download"))


def settings_of(folder: Path, more: str, rules: str = "rules: [{name: forest}]\n") -> Settings:
    path = folder / "vsortd.yaml"
    path.write_text(
        f"version: 2\ninboxes: [{{path: {folder}/in}}]\nlibrary: {folder}/out\nmodel: sample\n{more}\n{rules}"
    )
    return load_settings(path)


def told(check: Check, settings: Settings, *, quick: bool = False) -> Finding:
    (finding,) = check(settings, quick=quick)
    return finding


def lacking(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let a package be missing."""
    find = importlib.util.find_spec

    def found(name: str, *more: Any) -> Any:
        return None if name == package else find(name, *more)

    monkeypatch.setattr("importlib.util.find_spec", found)


def test_a_config_that_asks_for_nothing_more_is_not_spoken_of(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "")
    for check in (
        extra_checks.detector, extra_checks.sound_model, extra_checks.transcript, extra_checks.picture_text,
    ):  # fmt: skip
        assert [] == list(check(settings, quick=False))


def test_a_detector_in_an_onnx_file_is_tried(tmp_path: Path) -> None:
    need_onnx()
    path, names = write_colour_onnx(tmp_path / "one.onnx"), write_names(tmp_path / "names.txt")
    settings = settings_of(tmp_path, f"detector: {{model: {path}, labels: {names}}}")
    for quick, said in ((True, f"{path} is here"), (False, f"{path} runs, and knows 2 classes")):
        finding = told(extra_checks.detector, settings, quick=quick)
        assert (Severity.OK, said) == (finding.level, finding.found)
    write_names(names, "one")  # of another model
    assert Severity.OK is told(extra_checks.detector, settings, quick=True).level
    with pytest.raises(ModelError, match="is no detector that vsortd can read") as caught:
        told(extra_checks.detector, settings)
    assert "names and model belong together" in caught.value.remedy


@pytest.mark.long
def test_a_detector_whose_file_is_gone_fails_with_its_path(tmp_path: Path) -> None:
    names = write_names(tmp_path / "names.txt")
    settings_of(tmp_path, f"detector: {{model: {tmp_path}/gone.onnx, labels: {names}}}")
    found = {one.name: one for one in examine(tmp_path / "vsortd.yaml", quick=True)}
    assert (Severity.FAIL, True) == (found["detector"].level, f"{tmp_path}/gone.onnx" in found["detector"].found)
    assert "whether the disk is mounted" in found["detector"].remedy


@pytest.mark.parametrize(("ending", "package"), [("onnx", "onnxruntime"), ("xml", "openvino")])
def test_a_file_without_what_runs_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, package: str
) -> None:
    for name in (f"one.{ending}", "one.bin"):
        (tmp_path / name).touch()
    names = write_names(tmp_path / "names.txt")
    settings = settings_of(tmp_path, f"detector: {{model: {tmp_path}/one.{ending}, labels: {names}}}")
    lacking(monkeypatch, package)
    finding = told(extra_checks.detector, settings, quick=True)
    assert (Severity.FAIL, f"{package} is not installed") == (finding.level, finding.found)
    assert "pip install 'vsortd[objects]'" == finding.remedy


def test_the_weights_of_a_detector_of_openvinos_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "one.xml").touch()
    names = write_names(tmp_path / "names.txt")
    settings = settings_of(tmp_path, f"detector: {{model: {tmp_path}/one.xml, labels: {names}}}")
    with pytest.raises(ModelError, match=r"one\.bin is not there"):
        told(extra_checks.detector, settings, quick=True)


def test_a_detector_of_torchvision_is_not_downloaded_and_its_address_is_said(tmp_path: Path) -> None:
    finding = told(extra_checks.detector, settings_of(tmp_path, f"detector: {{model: {SSDLITE}}}"))
    checkpoints = tmp_path / "TORCH_HOME" / "hub" / "checkpoints"
    assert (Severity.FAIL, True) == (finding.level, f"not in {checkpoints}" in finding.found)
    assert "Download https://download.pytorch.org/models/ssdlite320" in finding.remedy
    assert not checkpoints.exists()


def test_a_detector_of_torchvision_with_weights_of_its_own_is_tried(tmp_path: Path) -> None:
    write_ssdlite(tmp_path / "own.pth")
    names = write_names(tmp_path / "names.txt")
    more = f"detector: {{model: {SSDLITE}, weights: {tmp_path}/own.pth, labels: {names}}}"
    finding = told(extra_checks.detector, settings_of(tmp_path, more))
    assert (Severity.OK, True) == (finding.level, finding.found.endswith("runs, and knows 2 classes"))


def test_a_sound_model_is_tried_and_one_that_can_not_run_fails(tmp_path: Path) -> None:
    folder = tmp_path / "clap"
    make_tiny_clap(folder)
    settings = settings_of(tmp_path, f"sound_model: {folder}")
    assert f"{folder} is in {folder}" == told(extra_checks.sound_model, settings, quick=True).found
    finding = told(extra_checks.sound_model, settings)
    assert (Severity.OK, True) == (finding.level, finding.found.startswith(f"{folder} runs on "))

    config = json.loads((folder / "config.json").read_text())
    config["audio_config"]["spec_size"] = 64
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="failed: ValueError"):
        told(extra_checks.sound_model, settings)


def test_a_sound_model_of_the_hub_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, "sound_model: some/clap")
    finding = told(extra_checks.sound_model, settings)
    assert (Severity.FAIL, "vsortd model fetch --sound some/clap") == (finding.level, finding.remedy)
    make_tiny_clap(tmp_path / "clap")
    here = tmp_path / "HF_HUB_CACHE" / "models--some--clap" / "snapshots" / "abc"
    shutil.copytree(tmp_path / "clap", here)
    assert f"some/clap is in {here}" == told(extra_checks.sound_model, settings, quick=True).found
    (here / "tokenizer.json").unlink()
    assert Severity.FAIL is told(extra_checks.sound_model, settings, quick=True).level
    shutil.copy(tmp_path / "clap" / "tokenizer.json", here)
    lacking(monkeypatch, "transformers")
    found = {one.name: one for one in examine(tmp_path / "vsortd.yaml", quick=True)}
    assert (Severity.FAIL, "Run `pip install 'vsortd[audio]'`.") == (
        found["sound model"].level,
        found["sound model"].remedy,
    )


@needs_whisper
def test_a_speech_model_listens_to_a_second_of_silence(tmp_path: Path) -> None:
    model = make_tiny(tmp_path)
    settings = settings_of(tmp_path, f"transcript: {{model: {model}}}")
    assert told(extra_checks.transcript, settings, quick=True).found.startswith("faster-whisper ")
    finding = told(extra_checks.transcript, settings)
    assert (Severity.OK, f"the speech model {model} runs") == (finding.level, finding.found)
    (model / "model.bin").write_bytes(b"damaged")
    from vsortd.analysis import transcript

    transcript._loaded.cache_clear()
    finding = told(extra_checks.transcript, settings)
    assert (Severity.WARN, True) == (finding.level, "can't be loaded" in finding.found)
    assert "Filing goes on without it." in finding.details


@needs_whisper
def test_a_speech_model_that_is_not_here_is_not_fetched(tmp_path: Path) -> None:
    finding = told(extra_checks.transcript, settings_of(tmp_path, "transcript: {model: distil-large-v3.5}"))
    assert (Severity.WARN, True) == (finding.level, "vsortd fetches none" in finding.found)
    assert "hf download" in finding.remedy
    settings = settings_of(tmp_path, f"transcript: {{model: {tmp_path}/gone}}")
    finding = told(extra_checks.transcript, settings, quick=True)
    assert (Severity.WARN, f"the speech model's folder {tmp_path}/gone is not there") == (finding.level, finding.found)


def test_what_is_not_installed_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = "rules: [{name: slides, when: {text: agenda}}]\n"
    settings = settings_of(tmp_path, "transcript: {model: small}", rules)
    for package, check, remedy in (
        ("faster_whisper", extra_checks.transcript, "pip install 'vsortd[speech]'"),
        ("rapidocr", extra_checks.picture_text, "pip install 'vsortd[ocr]'"),
    ):
        with monkeypatch.context() as patch:
            lacking(patch, package)
            finding = told(check, settings)
            assert (Severity.WARN, remedy) == (finding.level, finding.remedy)


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("rapidocr") is None, reason="no rapidocr here")
def test_where_a_rule_asks_for_text_a_clip_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, "", "rules: [{name: slides, when: {text: agenda}}]\n")
    assert told(extra_checks.picture_text, settings, quick=True).found.startswith("rapidocr ")
    finding = told(extra_checks.picture_text, settings)
    assert Severity.OK is finding.level
    assert not finding.found.startswith("it is read: 0 lines")
    monkeypatch.setattr(extra_checks, "_SLIDES", "gone.mp4")
    finding = told(extra_checks.picture_text, settings)
    assert (Severity.WARN, "No video meets such a condition.") == (finding.level, finding.details[0])
