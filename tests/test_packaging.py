"""The wheel carries what an installed vsortd needs outside a checkout, and nothing that never runs."""

from __future__ import annotations

import email.parser
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.paths import REPOSITORY
from tests.support.share_files import FILES, FOLDER
from vsortd import __version__
from vsortd.service.install.systemd import for_version

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from pathlib import Path

PYPROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
README = (REPOSITORY / "README.md").read_text("utf-8")


def built(tree: Path, target: Path) -> zipfile.Path:
    """Build a tree's wheel into a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr
    (path,) = target.glob("*.whl")
    return zipfile.Path(path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    return built(REPOSITORY, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def names(wheel: zipfile.Path) -> list[str]:
    """Return the wheel's files, folders left out."""
    return [name for name in wheel.root.namelist() if not name.endswith("/")]


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.Path, names: list[str]) -> Message:
    (name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    return email.parser.Parser().parsestr((wheel / name).read_text("utf-8"))


# The wheel


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
        "vsortd/data/service/docker/vsortd.yaml",
        "vsortd/vision/sample/model.json",
        "vsortd/vision/sample/weights.safetensors",
        "vsortd/vision/sample/vocabulary.json",
        "vsortd/vision/sample/CARD.md",
        "vsortd/py.typed",
    ],
)
def test_the_wheel_carries(wheel: zipfile.Path, name: str) -> None:
    assert (wheel / name).exists()


def test_nothing_of_the_tests_is_in_the_wheel(wheel: zipfile.Path) -> None:
    assert {"vsortd"} == {entry.name for entry in wheel.iterdir() if not entry.name.endswith((".dist-info", ".data"))}


# Beside modules: what a room reads when it runs.
_READ = (
    r"vsortd/(web/(static|templates)|doctor/clips|analysis/categories)/[^/]+",
    r"vsortd/pipeline/plan_report\.html",
    r"vsortd/vision/sample/(weights\.safetensors|model\.json|vocabulary\.json|taught_region\.npz)",
    r"vsortd/vision/sample/(CARD|ATTRIBUTION)\.md",  # what the model is, and whose photographs it was taught
    r"vsortd/data/(config/[^/]+|service/systemd/(user|system)/vsortd\.service|service/docker/vsortd\.yaml)",
    r"vsortd/py\.typed",
    r"vsortd-[^/]+\.dist-info/.+",
    r"vsortd-[^/]+\.data/data/share/.+",
)


def test_the_wheel_holds_nothing_that_never_runs(names: list[str]) -> None:
    beside = [name for name in names if not name.endswith(".py")]
    assert [] == [name for name in beside if not any(re.fullmatch(one, name) for one in _READ)]
    assert [] == [name for name in names if name.endswith(".py") and not name.startswith("vsortd/")]


def test_an_image_builds_the_same_package_of_what_it_copies(names: list[str], tmp_path: Path) -> None:
    docker = (REPOSITORY / "service" / "docker" / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"(?m)^COPY (?!--from)(.+)$", docker):
        *sources, target = line.split()
        for source in sources:
            here = REPOSITORY / source
            if here.is_dir():
                shutil.copytree(here, tmp_path / "src" / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (tmp_path / "src").mkdir(exist_ok=True)
                shutil.copy2(here, tmp_path / "src" / target / source)
    of_image = built(tmp_path / "src", tmp_path / "dist").root.namelist()
    assert [] == [name for name in names if "/data/share/man/" not in name and name not in of_image]


def test_what_shells_man_and_desktops_look_for_goes_beside_the_program(wheel: zipfile.Path, names: list[str]) -> None:
    shared = {name.partition("/data/share/")[2]: wheel / name for name in names if "/data/share/" in name}
    manual = {f"man/man1/{path.name}" for path in (REPOSITORY / "docs" / "man").iterdir()}
    expected = {
        "applications/org.vsortd.vsortd.desktop",
        "metainfo/org.vsortd.vsortd.metainfo.xml",
        "icons/hicolor/scalable/apps/org.vsortd.vsortd.svg",
        "bash-completion/completions/vsortd",
        "zsh/site-functions/_vsortd",
        "fish/vendor_completions.d/vsortd.fish",
    }
    assert expected | manual == set(shared)
    for name in FILES:
        if not name.startswith("systemd/"):  # which names a program in /usr/bin
            assert (FOLDER / name).read_text("utf-8") == shared[name].read_text("utf-8")


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


# What a package index shows


def test_the_index_shows_no_picture_and_no_link_that_leads_nowhere(metadata: Message) -> None:
    shown = metadata.get_payload()
    assert "text/markdown" == metadata["Description-Content-Type"]
    assert [] == re.findall(r"\]\((?!https://)[^)]*\)|(?:src|srcset)=\"(?!https://)[^\"]*\"", shown)
    assert "![" not in shown
    for kept in ("# vsortd", "## Quick start", "a first config that explains every option", "Licence: MIT."):
        assert kept in shown


def test_addresses_of_the_project_are_absolute() -> None:
    """None is known yet; docs/releasing.md says where they go."""
    assert [] == [one for one in PYPROJECT["project"].get("urls", {}).values() if not one.startswith("https://")]


def test_the_classifiers_name_pythons_one_after_the_other_from_the_least(metadata: Message) -> None:
    named = re.findall(r"Python :: 3\.(\d+)", "\n".join(metadata.get_all("Classifier", [])))
    assert list(map(int, named)) == list(range(int(named[0]), int(named[-1]) + 1))
    assert f">=3.{named[0]}" == metadata["Requires-Python"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


def test_the_version_is_the_same_everywhere(metadata: Message) -> None:
    assert __version__ == metadata["Version"] == PYPROJECT["project"]["version"]
    metainfo = (FOLDER / "metainfo" / "org.vsortd.vsortd.metainfo.xml").read_text("utf-8")
    newest = re.findall(r'<release version="([^"]+)" date="([^"]+)"/>', metainfo)[0]
    assert __version__ == newest[0]
    assert f"## {newest[0]} - {newest[1]}\n" in (REPOSITORY / "CHANGELOG.md").read_text("utf-8")


# Extras


def test_the_core_carries_neither_the_tray_nor_an_ffmpeg() -> None:
    core = {re.split(r"[<>=!;\[ ]", one)[0] for one in PYPROJECT["project"]["dependencies"]}
    assert not {"pystray", "imageio-ffmpeg"} & core
    assert {"desktop", "ffmpeg"} <= set(EXTRAS)


def test_all_brings_every_extra_but_what_is_for_windows_alone() -> None:
    (own,) = EXTRAS["all"]
    assert sorted(set(EXTRAS) - {"all", "windows-service"}) == own[len("vsortd[") : -1].split(",")


def test_the_readme_names_every_extra() -> None:
    table = README.partition("| extra |")[2].partition("\n\n")[0]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`([a-z-]+)`", line.split("|")[1])}
    assert set(EXTRAS) - {"windows-service"} == named


def _texts() -> Iterable[Path]:
    for folder, pattern in (("vsortd", "*.py"), ("docs", "*.md"), ("config", "*.yaml"), ("service", "*ockerfile*")):
        yield from (REPOSITORY / folder).rglob(pattern)
    yield from (REPOSITORY / "README.md", REPOSITORY / ".ci" / "run")


def test_what_a_message_or_page_asks_to_install_is_there_to_be_installed() -> None:
    asked = {
        (extra, path.name)
        for path in _texts()
        for extras in re.findall(r"(?:vsortd|'\.)\[([a-z,-]+)\]", path.read_text("utf-8"))
        for extra in extras.split(",")
    }
    assert {"desktop", "ffmpeg", "notify"} <= {extra for extra, _ in asked}
    assert [] == sorted((extra, name) for extra, name in asked if extra not in EXTRAS)


def test_what_works_on_the_tree_is_in_groups_and_installs_no_stranger() -> None:
    groups = PYPROJECT["dependency-groups"]
    assert {"dev", "fuzz"} <= set(groups)
    assert not {"dev", "fuzz"} & set(EXTRAS)
    assert "vsortd[all]" in groups["dev"]


# Distributions


@pytest.mark.parametrize("name", FILES)
def test_a_file_for_distributions_that_is_made_is_what_would_be_made(name: str) -> None:
    assert FILES[name]() == (FOLDER / name).read_text("utf-8"), ".ci/task share makes it anew"


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here")
    return found


def _said(*command: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )
    return done.returncode, done.stdout + done.stderr


def test_the_desktop_entry_is_valid_and_starts_what_there_is() -> None:
    entry = FOLDER / "applications" / "org.vsortd.vsortd.desktop"
    assert (0, "") == _said(_tool("desktop-file-validate"), str(entry))
    assert ["vsortd open", "vsortd tray"] == re.findall(r"(?m)^Exec=(.*)$", entry.read_text("utf-8"))


def test_the_metainfo_is_valid() -> None:
    metainfo = FOLDER / "metainfo" / "org.vsortd.vsortd.metainfo.xml"
    code, said = _said(_tool("appstreamcli"), "validate", "--no-net", "--no-color", str(metainfo))
    assert 0 == code, said


def test_systemd_has_nothing_to_say_against_the_plain_unit(tmp_path: Path) -> None:
    analyze = _tool("systemd-analyze")
    version = re.match(r"systemd (\d+)", _said(analyze, "--version")[1])
    assert version is not None
    text = (FOLDER / "systemd" / "user" / "vsortd.service").read_text("utf-8")
    assert "@" not in re.sub(r"(?m)^#.*|SystemCallFilter=@.*", "", text)
    assert "\nExecStart=/usr/bin/vsortd run --json-log\n" in text
    path = tmp_path / "vsortd.service"
    path.write_text(for_version(text, int(version[1])).replace("/usr/bin/vsortd ", f"{sys.executable} -m vsortd "))
    code, said = _said(analyze, "--user", "verify", "--man=no", str(path), XDG_RUNTIME_DIR=str(tmp_path))
    assert (0, []) == (code, [line for line in said.splitlines() if "vsortd" in line])
