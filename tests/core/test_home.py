"""The home folder as `~` in texts for people."""

from __future__ import annotations

import pytest

from vsortd.core.home import with_tilde


@pytest.fixture(autouse=True)
def ann(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/ann/Videos/In", "~/Videos/In"),
        ("/home/ann", "~"),
        ("There is no folder /home/ann/In.", "There is no folder ~/In."),
        ("It lies in /home/ann.", "It lies in ~."),
        ("/home/ann/a → /home/ann/b", "~/a → ~/b"),
        ("(/home/ann/In): gone", "(~/In): gone"),
    ],
)
def test_home_is_written_as_people_type_it(text: str, told: str) -> None:
    assert told == with_tilde(text)


@pytest.mark.parametrize(
    "text",
    [
        "/home/annabel/Videos",
        "/home/ann-old/Videos",
        "/home/ann.bak/Videos",
        "/mnt/home/ann/Videos",
        "cp '/home/ann/My Videos/a.yaml' .",
        'cp "/home/ann/My Videos/a.yaml" .',
        "--config=/home/ann/a.yaml",
        "http://host/home/ann",
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
    monkeypatch.setenv("HOME", "/home/ann/")
    assert "~/Videos" == with_tilde("/home/ann/Videos")
