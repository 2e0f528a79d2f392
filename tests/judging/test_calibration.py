"""What was learned is kept by model, and never taken for something else."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from vsortd.config.settings import Settings
from vsortd.core.moments import utc_now
from vsortd.errors import StoreError
from vsortd.judging.calibration import (
    Calibrated,
    calibration_path,
    keep_calibration,
    read_calibration,
    temperature_for,
)

if TYPE_CHECKING:
    from pathlib import Path

LEARNED = Calibrated(1.7, 120, "2026-11-24T12:00:00Z", 0.11, 0.03)


def settings(temperature: float | str) -> Settings:
    return Settings.model_validate(
        {
            "version": 2,
            "inboxes": [{"path": "/in"}],
            "library": "/out",
            "temperature": temperature,
            "rules": [{"name": "forest"}],
        }
    )


def test_without_anything_learned_scores_are_as_the_makers_left_them(tmp_path: Path) -> None:
    assert 1.0 == temperature_for(settings("auto"), tmp_path, "model")
    assert {} == read_calibration(tmp_path)


def test_each_model_has_its_own(tmp_path: Path) -> None:
    keep_calibration(tmp_path, "model", LEARNED)
    keep_calibration(tmp_path, "other", Calibrated(0.6, 40, "2026-11-24T13:00:00Z", 0.2, 0.1))
    assert 1.7 == temperature_for(settings("auto"), tmp_path, "model")
    assert 0.6 == temperature_for(settings("auto"), tmp_path, "other")
    assert 1.0 == temperature_for(settings("auto"), tmp_path, "third")
    assert LEARNED == read_calibration(tmp_path)["model"]
    assert ["calibration.json"] == [path.name for path in tmp_path.iterdir()]


def test_a_number_in_the_config_needs_no_file(tmp_path: Path) -> None:
    calibration_path(tmp_path).write_text("broken")
    assert 2.5 == temperature_for(settings(2.5), tmp_path, "model")


def _document(**changes: Any) -> str:
    entry = {"temperature": 1.7, "n": 120, "date": "x", "ece_before": 0.11, "ece_after": 0.03}
    return json.dumps({"schema_version": 1, "models": {"model": {**entry, **changes}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "broken",
        "[]",
        '{"schema_version": 1}',
        '{"schema_version": 2, "models": {}}',
        '{"schema_version": true, "models": {}}',
        '{"schema_version": 1, "models": {"model": 1.7}}',
        _document(temperature=0),
        _document(temperature="1.7"),
        _document(temperature=True),
        _document(temperature=float("nan")),
        _document(n=1.5),
        _document(more=1),
        "\udcff",
    ],
)
def test_a_file_that_is_not_ours_stops_with_a_remedy_and_stays(tmp_path: Path, text: str) -> None:
    path = calibration_path(tmp_path)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"calibration\.json can't be used") as caught:
        temperature_for(settings("auto"), tmp_path, "other")
    assert "Move the file away" in caught.value.remedy
    with pytest.raises(StoreError):
        keep_calibration(tmp_path, "model", LEARNED)
    assert before == path.read_bytes()


def test_a_state_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be"):
        keep_calibration(tmp_path / "file", "model", LEARNED)


def test_the_file_is_what_later_versions_read(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "state"
    assert folder / "calibration.json" == keep_calibration(folder, "model", LEARNED)
    entry = {"temperature": 1.7, "n": 120, "date": "2026-11-24T12:00:00Z", "ece_before": 0.11, "ece_after": 0.03}
    text = (folder / "calibration.json").read_text(encoding="utf-8")
    assert json.dumps({"schema_version": 1, "models": {"model": entry}}, indent=2) + "\n" == text
    if os.name == "posix":
        assert 0o700 == folder.stat().st_mode & 0o777


@pytest.mark.parametrize("temperature", [0.05, 20.0, 1])
def test_a_temperature_at_the_edge_of_sense_is_taken(tmp_path: Path, temperature: float) -> None:
    calibration_path(tmp_path).write_text(_document(temperature=temperature))
    assert temperature == temperature_for(settings("auto"), tmp_path, "model")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"temperature": 0.049}, "what it says of the model 'model' makes no sense"),
        ({"temperature": 20.1}, "what it says of the model 'model' makes no sense"),
        ({"ece_after": float("inf")}, "what it says of the model 'model' makes no sense"),
        ({"ece_before": "0.1"}, "what it says of the model 'model' makes no sense"),
        ({"n": True}, "what it says of the model 'model' makes no sense"),
        ({"date": 5}, "what it says of the model 'model' makes no sense"),
        ({"more": 1}, "what it says of the model 'model' is not what vsortd writes"),
    ],
)
def test_what_makes_no_sense_is_named_with_the_file(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    path = calibration_path(tmp_path)
    path.write_text(_document(**change))
    with pytest.raises(StoreError) as caught:
        read_calibration(tmp_path)
    assert f"The learned temperatures in {path} can't be used: {why}." == caught.value.title
    assert [str(path)] == list(caught.value.paths)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is no JSON"),
        ('{"models": []}', "it is not what vsortd writes"),
        ('{"models": {}}', "its format is None, this vsortd knows 1"),
        ('{"schema_version": 1.0, "models": {}}', "its format is 1.0, this vsortd knows 1"),
        ('{"schema_version": 0, "models": {}}', "its format is 0, this vsortd knows 1"),
    ],
)
def test_a_file_of_another_form_says_which(tmp_path: Path, text: str, why: str) -> None:
    calibration_path(tmp_path).write_text(text)
    with pytest.raises(StoreError, match=why):
        read_calibration(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_no_empty_one(tmp_path: Path) -> None:
    calibration_path(tmp_path).mkdir()
    with pytest.raises(StoreError, match="can't be used"):
        read_calibration(tmp_path)


def test_what_cannot_be_kept_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vsortd.judging.calibration.write_whole", full)
    with pytest.raises(StoreError) as caught:
        keep_calibration(tmp_path, "model", LEARNED)
    path = calibration_path(tmp_path)
    assert f"The temperature can't be kept in {path}: No space left on device." == caught.value.title
    assert "disk is not full" in caught.value.remedy
    assert [str(path)] == list(caught.value.paths)


def test_the_time_is_that_of_greenwich_to_the_second() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    told = datetime.strptime(utc_now(), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= told <= datetime.now(UTC)
