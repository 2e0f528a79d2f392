"""The home folder as `~` in texts for people."""

from __future__ import annotations

import pytest

from vsortd.core.home import with_tilde


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/ann")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/srv/ann/Videos/In", "~/Videos/In"),
        ("/srv/ann", "~"),
        ("There is no folder /srv/ann/In.", "There is no folder ~/In."),
        ("It lies in /srv/ann.", "It lies in ~."),
        ("/srv/ann/a → /srv/ann/b", "~/a → ~/b"),
        ("(/srv/ann/In): gone", "(~/In): gone"),
    ],
)
def test_home_is_written_as_people_type_it(text: str, told: str) -> None:
    assert told == with_tilde(text)


@pytest.mark.parametrize(
    "text",
    [
        "/srv/annabel/Videos",
        "/srv/ann-old/Videos",
        "/srv/ann.bak/Videos",
        "/mnt/srv/ann/Videos",
        "cp '/srv/ann/My Videos/a.yaml' .",
        'cp "/srv/ann/My Videos/a.yaml" .',
        "--config=/srv/ann/a.yaml",
        "http://host/srv/ann",
        "nothing of it",
    ],
)
def test_other_folders_and_what_is_copied_in_quotes_stay(text: str) -> None:
    assert text == with_tilde(text)


@pytest.mark.parametrize("home", ["/", "", "relative"])
def test_a_home_that_is_none_shortens_nothing(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    assert "/etc/x" == with_tilde("/etc/x")
    assert "relative/x" == with_tilde("relative/x")


def test_a_slash_at_the_end_of_home_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/ann/")
    assert "~/Videos" == with_tilde("/srv/ann/Videos")
