"""The address of a search holds the whole of it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from vsortd.errors import UsageError
from vsortd.web.search_wish import LIKELY, MOST_SHOWN, LikeExample, SearchBy, SearchWish

WORDS = st.text(max_size=20).map(str.strip)
NOT = st.text(min_size=1, max_size=10).map(lambda text: text.replace(",", "").strip()).filter(bool)
WISHES = st.builds(
    SearchWish,
    q=WORDS,
    by=st.sampled_from(SearchBy),
    against=st.lists(NOT, max_size=3).map(tuple),
    like=st.lists(NOT, max_size=3, unique=True).map(tuple),
    inside=WORDS,
    under=WORDS,
    since=WORDS,
    orientation=WORDS,
    tag=WORDS,
    floor=st.integers(0, 100),
    first=st.integers(0, MOST_SHOWN),
)


def read(address: str) -> SearchWish:
    return SearchWish.of(QueryParams(urlsplit(address).query))


@given(wish=WISHES)
def test_what_an_address_says_is_what_was_wished(wish: SearchWish) -> None:
    assert wish == read(wish.address(first=wish.first))


def test_what_is_usual_needs_no_words() -> None:
    assert "/search" == SearchWish().address()
    assert LIKELY == read("/search?floor=").floor
    assert "/search?q=sea" == SearchWish(q="sea", first=24).address()


def test_the_box_may_hold_words_and_an_address() -> None:
    wish = SearchWish(q="a dog https://example.com/watch?v=1 at night")
    assert ("a dog at night", "https://example.com/watch?v=1") == (wish.words, wish.web_address)


def test_examples_are_read_and_nothing_else_is_one() -> None:
    indexed = "v7-" + 16 * "a"
    wish = SearchWish(like=("12", f"{indexed}@3.25", "photo-" + 64 * "0"))
    expected = (LikeExample(media="12"), LikeExample(media=indexed, moment_s=3.25), LikeExample(photo=64 * "0"))
    assert expected == wish.examples
    for text in ("../x", "12@", "12@-1", "v7-xyz", "photo-../../x", "12@1e9"):
        with pytest.raises(UsageError):
            _ = SearchWish(like=(text,)).examples
