"""The wheel carries what an installed vsortd needs outside a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.support.paths import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    target = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr
    (path,) = target.glob("*.whl")
    return zipfile.Path(path)


@pytest.mark.parametrize(
    "name",
    [
        "vsortd/doctor/clips/walk in the woods.mp4",
        "vsortd/data/config/first.yaml",
        "vsortd/data/config/deep-tree.yaml",
        "vsortd/data/config/phone-portrait.yaml",
        "vsortd/data/config/vsortd.schema.json",
        "vsortd/data/service/systemd/user/vsortd.service",
        "vsortd/data/service/systemd/system/vsortd.service",
        "vsortd/vision/sample/model.json",
        "vsortd/vision/sample/weights.safetensors",
        "vsortd/vision/sample/vocabulary.json",
        "vsortd/vision/sample/CARD.md",
    ],
)
def test_the_wheel_carries(wheel: zipfile.Path, name: str) -> None:
    assert (wheel / name).exists()


def test_nothing_of_the_tests_is_in_the_wheel(wheel: zipfile.Path) -> None:
    assert {"vsortd"} == {entry.name for entry in wheel.iterdir() if not entry.name.endswith((".dist-info", ".data"))}


def test_an_unpacked_wheel_finds_its_examples(wheel: zipfile.Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(str(wheel.root.filename)) as archive:
        archive.extractall(tmp_path / "site")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import vsortd, vsortd.core.resources as r; print(vsortd.__file__); print(r.resource_folder('config'))",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    package, config = done.stdout.splitlines()
    assert package.startswith(str(tmp_path))
    assert config == str(tmp_path / "site" / "vsortd" / "data" / "config")
