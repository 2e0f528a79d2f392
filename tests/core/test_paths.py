"""Which config file is read, and where the state lies."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from vsortd.__main__ import main
from vsortd.core.paths import as_on_disk, find_config, journal_path, spellings, state_folder, wanted_config
from vsortd.errors import ConfigError, UsageError


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test config folders of its own, and a working folder with a config that must not be found."""
    for name, variable in [("user", "XDG_CONFIG_HOME"), ("site", "XDG_CONFIG_DIRS")]:
        (tmp_path / name / "vsortd").mkdir(parents=True)
        monkeypatch.setenv(variable, str(tmp_path / name))
    (tmp_path / "work").mkdir()
    for name in ("config.yaml", "vsortd.yaml"):
        (tmp_path / "work" / name).touch()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def _put(path: Path) -> Path:
    path.touch()
    return path


def test_the_users_config_comes_before_the_sites(folders: Path) -> None:
    site = _put(folders / "site" / "vsortd" / "config.yaml")
    assert site == find_config(None)
    user = _put(folders / "user" / "vsortd" / "config.yaml")
    assert user == find_config(None)


def test_the_environment_comes_before_the_users_config(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(folders / "user" / "vsortd" / "config.yaml")
    named = _put(folders / "named.yaml")
    monkeypatch.setenv("VSORTD_CONFIG", str(named))
    assert named == find_config(None)


def test_the_command_line_comes_first_and_may_be_relative(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSORTD_CONFIG", str(_put(folders / "named.yaml")))
    assert folders / "work" / "vsortd.yaml" == find_config(Path("vsortd.yaml"))


def test_a_named_file_that_is_missing_is_never_skipped(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(folders / "user" / "vsortd" / "config.yaml")
    monkeypatch.setenv("VSORTD_CONFIG", str(folders / "gone.yaml"))
    with pytest.raises(ConfigError, match=r"gone\.yaml \(\$VSORTD_CONFIG\) does not exist"):
        find_config(None)
    with pytest.raises(ConfigError, match=r"\(--config\) is no regular file"):
        find_config(folders)


def test_the_working_folder_is_never_searched(folders: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None)
    places = tuple(str(folders / name / "vsortd" / "config.yaml") for name in ("user", "site"))
    assert places == caught.value.paths
    assert "vsortd config init" in caught.value.remedy


def test_a_new_config_goes_where_it_will_be_found(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders / "user" / "vsortd" / "config.yaml" == wanted_config(None)
    monkeypatch.setenv("VSORTD_CONFIG", "~/named.yaml")
    monkeypatch.setenv("HOME", str(folders))
    assert folders / "named.yaml" == wanted_config(None)
    assert folders / "work" / "here.yaml" == wanted_config(Path("here.yaml"))


def test_the_state_folder_is_named_or_the_users_and_not_made(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSORTD_STATE_DIR", str(folders / "state"))
    assert folders / "state" == state_folder()
    monkeypatch.delenv("VSORTD_STATE_DIR")
    monkeypatch.setenv("XDG_STATE_HOME", str(folders / "xdg"))
    assert folders / "xdg" / "vsortd" == state_folder()
    assert not state_folder().exists()
    assert folders / "xdg" / "vsortd" / "journal.sqlite3" == journal_path(state_folder())


COMPOSED, DECOMPOSED = "Übung ño", unicodedata.normalize("NFD", "Übung ño")


@pytest.mark.parametrize(("typed", "there"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_path_is_found_in_the_form_that_the_disk_has(tmp_path: Path, typed: str, there: str) -> None:
    (tmp_path / there / "in" / there).mkdir(parents=True)
    assert tmp_path / there / "in" / there == as_on_disk(tmp_path / typed / "in" / typed)
    assert tmp_path / there / "new" / typed == as_on_disk(tmp_path / typed / "new" / typed), "the rest stays as typed"


def test_a_relative_path_stays_relative(folders: Path) -> None:
    (folders / "work" / DECOMPOSED).mkdir()
    assert Path(DECOMPOSED) == as_on_disk(Path(COMPOSED))


def test_what_is_there_under_its_very_name_is_meant(tmp_path: Path) -> None:
    for name in (COMPOSED, DECOMPOSED):
        (tmp_path / name).mkdir()
    assert [tmp_path / COMPOSED, tmp_path / DECOMPOSED] == [
        as_on_disk(tmp_path / COMPOSED),
        as_on_disk(tmp_path / DECOMPOSED),
    ]


def test_of_two_that_are_alike_none_is_chosen(tmp_path: Path) -> None:
    half = "Übung n\u0303o"
    for name in (half, DECOMPOSED):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="There are 2 files called"):
        as_on_disk(tmp_path / COMPOSED)
    assert sorted([half, DECOMPOSED]) == spellings(tmp_path, COMPOSED)


def test_bytes_that_are_no_text_are_names_as_well(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 u\xcc\x88.mp4")
    (tmp_path / name).touch()
    assert tmp_path / name == as_on_disk(tmp_path / name)
    assert tmp_path / name == as_on_disk(tmp_path / os.fsdecode(b"caf\xe9 \xc3\xbc.mp4"))
    assert tmp_path / "caf\udce8" == as_on_disk(tmp_path / "caf\udce8")


def test_the_config_is_found_in_the_form_that_the_disk_has(folders: Path) -> None:
    named = _put(folders / f"{DECOMPOSED}.yaml")
    assert named == find_config(folders / f"{COMPOSED}.yaml")


@pytest.mark.few(2)
@pytest.mark.parametrize(
    "words",
    [
        ("plan", "{}"),
        ("explain", "{}"),
        ("index", "{}"),
        ("eval", "{}"),
        ("duplicates", "{}"),
        ("cluster", "{}"),
        ("check", "--config", "{}"),
    ],
    ids=lambda words: words[0],
)
def test_a_path_that_cannot_be_looked_at_is_told_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file has a name of 4,000 characters; the system's error is no traceback."""
    config = tmp_path / "vsortd.yaml"
    folders = f"inboxes: [{{path: {tmp_path}/in}}]\nlibrary: {tmp_path}/out\n"
    config.write_text(f"version: 2\n{folders}model: sample\nrules: [{{name: sea}}]\n")
    monkeypatch.setenv("VSORTD_CONFIG", str(config))
    long = f"/{'x' * 4000}"
    assert main([word.format(long) for word in words]) in {2, 10}
    assert f"Can't look at {long}: File name too long." in capsys.readouterr().err
