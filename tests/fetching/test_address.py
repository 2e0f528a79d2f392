"""Which words are addresses, which are fetched, and what of one is kept."""

from __future__ import annotations

import pytest

from vsortd.core.origin import WebOrigin, without_credentials
from vsortd.errors import UsageError
from vsortd.fetching.address import checked_address, is_address


@pytest.mark.parametrize("word", ["https://a.example/b", "HTTP://a", "ftp://a/b", "file:///a", "git+ssh://a"])
def test_addresses_are_told_from_files(word: str) -> None:
    assert is_address(word)


@pytest.mark.parametrize("word", ["clip.mp4", "/a/b.mp4", "C:\\a.mp4", "a forest: the movie", "https:/a", "://a", ""])
def test_files_and_labels_are_no_addresses(word: str) -> None:
    assert not is_address(word)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("http://a.example/b", "only what begins with https://"),
        ("ftp://a.example/b", "only what begins with https://"),
        ("file:///etc/passwd", "only what begins with https://"),
        ("https://", "no address"),
        ("https://a b/c", "no address"),
        ("https://a.example:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("https://a.example/\x1b[2J", "no address"),
        ("https://a.example/" + "x" * 9_000, "no address"),
        ("https://me:secret@a.example/b", "names an account"),
        ("https://me@a.example/b", "names an account"),
    ],
)
def test_what_is_not_fetched_is_told_in_a_sentence_without_secrets(word: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_address(word)
    assert said in caught.value.title
    assert caught.value.remedy
    assert "secret" not in str(caught.value)
    assert len(caught.value.title) < 300


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://a.example/watch?v=abc&list=7#t=5", "https://a.example/watch?v=abc&list=7"),
        ("https://me:pw@a.example:8443/v?x=1", "https://a.example:8443/v?x=1"),
        ("https://[2606::1]:8443/v", "https://[2606::1]:8443/v"),
        ("https://a.example/v?token=T&id=1&X-Amz-Signature=S&sig=S&api_key=K&auth=A", "https://a.example/v?id=1"),
        ("https://a.example/v?keyboard=1&signal=2&author=3", "https://a.example/v?keyboard=1&signal=2&author=3"),
        ("https://a.example/v?accessToken=T&id=1&sessionId=S&authKey=K&user[password]=P", "https://a.example/v?id=1"),
        ("https://a.example/v?%74oken=T&id=1&access%5Ftoken=T", "https://a.example/v?id=1"),
        ("https://a.example/v?pass=P&id=1&JSESSIONID=S&PHPSESSID=S&hdntl=H", "https://a.example/v?id=1"),
        ("https://a.example/v?passage=1&monkeyName=2&tokens=3", "https://a.example/v?passage=1&monkeyName=2&tokens=3"),
        ("https://a.example/a;jsessionid=S/b;x=1?id=1", "https://a.example/a/b?id=1"),
        ("https://a.example:x/", ""),
    ],
)
def test_an_address_is_kept_without_credentials(address: str, kept: str) -> None:
    assert kept == without_credentials(address)


@pytest.mark.parametrize(
    "found", [None, [], {}, {"address": "a"}, {"address": 1, "title": "", "site": "", "id": "", "time": ""}]
)
def test_an_origin_that_is_not_one_is_none(found: object) -> None:
    assert WebOrigin.from_json(found) is None


def test_an_origin_comes_back_as_it_was_kept() -> None:
    origin = WebOrigin("https://a.example/v", "A film", "Generic", "v", "2026-01-02T03:04:05Z")
    assert origin == WebOrigin.from_json(origin.to_json()) == WebOrigin.of({WebOrigin.KEY: origin.to_json()})
    assert "from https://a.example/v (A film)" == origin.sentence
