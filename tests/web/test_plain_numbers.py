"""Numbers in addresses and forms are what stands there in plain digits, or are refused with a sentence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from starlette.datastructures import QueryParams

from vsortd.errors import UsageError
from vsortd.web.api.asked import ItemsRequest
from vsortd.web.page import item_id
from vsortd.web.plain_numbers import plain_number, plain_or_none, whole_number, whole_or_none
from vsortd.web.rule_draft import read_at
from vsortd.web.search_wish import SearchWish

if TYPE_CHECKING:
    from tests.support.browser import PageHome

NEVER = (
    "\uff11\uff12",
    "٣",
    "²",
    "1_0",
    " 5 ",
    "5\n",
    "+5",
    "0x5",
    "5.",
    ".5",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "",
    "9" * 5000,
)


@pytest.mark.parametrize("text", [*NEVER, "5.0", "5e0"])
def test_what_is_no_whole_number(text: str) -> None:
    assert whole_or_none(text, 0, 10**30) is None
    with pytest.raises(UsageError, match="The floor is a whole number from 0 to 100, not "):
        whole_number(text, 0, 100, what="The floor")
    with pytest.raises(UsageError):
        item_id(text)
    with pytest.raises(UsageError, match="limit"):
        ItemsRequest.of_query({"limit": text})


@pytest.mark.parametrize("text", NEVER)
def test_what_is_no_number(text: str) -> None:
    assert plain_or_none(text) is None
    with pytest.raises(UsageError, match="A moment is a number from 0 to 10, not "):
        plain_number(text, 0, 10, what="A moment")
    assert () == read_at(f"0.{text}")
    with pytest.raises(UsageError, match="since"):
        ItemsRequest.of_query({"since": text})


def test_what_is_one_is_taken_within_its_bounds() -> None:
    assert (0, 12, 12) == (whole_number("0", 0, 9, what="x"), whole_number("12", 0, 12, what="x"), item_id("012"))
    for text in ("-1", "101", "9" * 30):
        with pytest.raises(UsageError, match="from 0 to 100"):
            whole_number(text, 0, 100, what="The floor")
    for number in (0.1 + 0.2, 5e-324, 1e-05, 12.0, 1e22, -3.5, math.pi):
        assert number == plain_or_none(str(number))
    assert 1000 == ItemsRequest.of_query({"limit": "1000", "since": "1.5e9"}).rows


@pytest.mark.parametrize("query", ["floor=101", "floor=1_0", "floor=-1", "from=x", "from=99999", "from=%EF%BC%91"])
def test_a_search_for_what_is_none_is_refused(query: str) -> None:
    with pytest.raises(UsageError, match="whole number"):
        SearchWish.of(QueryParams(query))


@pytest.mark.parametrize(
    "path",
    [
        "/still/1/0?h=1_0",
        "/still/1/0?h=99999",
        "/search/play?id=1&begin=1_0&end=2",
        "/search/play?id=1&begin=%EF%BC%91&end=2",
        "/search?floor=%2B5",
        "/v1/items?limit=1_0",
        "/v1/items?since=%205",
    ],
)
def test_the_page_refuses_with_a_sentence(home: PageHome, path: str) -> None:
    answer = home.ask(path)
    assert 422 == answer.status, answer.text[:300]
    assert "number" in answer.text


def test_a_moment_that_is_none_has_no_picture(home: PageHome) -> None:
    for moment in ("1_0", "99999999999", "%EF%BC%91", "-1"):
        assert 404 == home.ask(f"/still/1/{moment}").status, moment


def test_a_port_of_the_environment_that_is_none_is_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    from vsortd.config.web_options import Web
    from vsortd.web.listener import page_port

    for text in NEVER:
        monkeypatch.setenv("VSORTD_WEB", text)
        assert Web().port == getattr(page_port(Web()), "port", None)
    monkeypatch.setenv("VSORTD_WEB", "8999")
    assert 8999 == getattr(page_port(Web()), "port", None)
