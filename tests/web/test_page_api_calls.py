"""What the operations of the page's API do, called one after the other as a script would."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.support.browser import PageHome
from tests.support.page_api import call, ended, said, state_of
from tests.web.conftest import DEMO

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageHome]:
    """Return a home that the calls of the other tests don't touch."""
    made = PageHome.start(tmp_path_factory.mktemp("api"), clips=DEMO)
    yield made
    made.stop()


@pytest.mark.long
def test_items_come_by_cursor_and_filter(other: PageHome) -> None:
    everything = said(call(other, "GET", "/v1/items"))
    assert everything["next"] is None
    assert other.home.items() == everything["items"]
    numbers, following = [], "limit=2"
    while following:
        some = said(call(other, "GET", f"/v1/items?{following}"))
        assert len(some["items"]) <= 2
        numbers += [one["id"] for one in some["items"]]
        following = some["next"] and f"limit=2&before={some['next']}"
    assert [one["id"] for one in everything["items"]] == numbers
    rule = next(one["rule"] for one in everything["items"] if one["rule"])
    assert {rule} == {one["rule"] for one in said(call(other, "GET", f"/v1/items?rule={rule}"))["items"]}
    assert [] == said(call(other, "GET", "/v1/items?state=held"))["items"]


def test_the_library_comes_by_folder_and_facts(other: PageHome) -> None:
    counts = said(call(other, "GET", "/v1/library/folders"))["folders"]
    everything = said(call(other, "GET", "/v1/library?order=name"))["videos"]
    assert sum(counts.values()) == len(everything)
    numbers, following = [], "order=name&limit=2"
    while following:
        some = said(call(other, "GET", f"/v1/library?{following}"))
        numbers += [one["item"]["id"] for one in some["videos"]]
        following = some["next"] and f"order=name&limit=2&after={some['next']}"
    assert [one["item"]["id"] for one in everything] == numbers
    folder, count = next((name, number) for name, number in counts.items() if name)
    assert count == len(said(call(other, "GET", f"/v1/library?folder={quote(folder)}"))["videos"])
    for elsewhere in ("..", "/etc", f"{folder}/..", "*"):
        assert [] == said(call(other, "GET", f"/v1/library?folder={quote(elsewhere)}"))["videos"]
    assert 422 == call(other, "GET", "/v1/library?since=yesterday").status


def test_a_video_is_told_shown_and_taken_back(other: PageHome) -> None:
    item = said(call(other, "GET", "/v1/items?text=summit"))["items"][0]
    number, before = item["id"], state_of(other)
    assert item == said(call(other, "GET", f"/v1/items/{number}"))
    assert item["destination"] == said(call(other, "GET", f"/v1/items/{number}/video"))["now"]["path"]
    assert item["rule"] == said(call(other, "GET", f"/v1/explain/{number}"))["decision"]["rule"]
    plan = ended(other, said(call(other, "POST", "/v1/plan", {"ids": [number]}), 202))
    assert "done" == plan["state"]
    assert [item["rule"]] == [one["rule"] for one in plan["answer"]["items"]]
    assert 206 == call(other, "GET", f"/media/{number}", range="bytes=0-9").status
    assert b"\xff\xd8" == call(other, "GET", f"/thumb/{number}").body[:2]
    asked = {"ids": [number], "dry_run": True}
    assert [number] == [one["id"] for one in said(call(other, "POST", "/v1/undo", asked))["undone"]]
    assert before == state_of(other), "so far nothing was moved"
    assert [number] == [one["id"] for one in said(call(other, "POST", "/v1/undo", {"ids": [number]}))["undone"]]
    assert "undone" == said(call(other, "GET", f"/v1/items/{number}"))["state"]
    assert 1 == len(said(call(other, "POST", f"/v1/items/{number}/release"))["freed"])


def test_a_timeline_is_there_once_its_job_has_ended(other: PageHome) -> None:
    number = said(call(other, "GET", "/v1/items?text=campfire"))["items"][-1]["id"]
    asked = {"prompts": ["a fire at night"]}
    job = ended(other, said(call(other, "POST", f"/v1/timeline/{number}", asked), 202))
    assert "done" == job["state"], job
    found = said(call(other, "GET", f"/v1/timeline/{number}?prompts=a+fire+at+night"))
    assert found == job["answer"]
    assert "a fire at night" == found["prompts"][0]["prompt"]
    assert job["id"] in [one["id"] for one in said(call(other, "GET", "/v1/jobs"))["jobs"]]


def test_a_scene_is_found_by_words(other: PageHome) -> None:
    found = said(call(other, "GET", "/v1/search?words=flames&floor=0"))
    best = found["scenes"][0]
    assert "campfire" in best["file"], found
    assert 200 == call(other, "GET", f"/still/{best['video']}/{round(best['peak_s'] * 1000)}").status
    inside = said(call(other, "GET", f"/v1/search?words=flames&floor=0&inside={best['video']}"))
    assert {best["file"]} == {one["file"] for one in inside["scenes"]}
    for wrong_one in ("under=/etc", "under=..", "inside=../x", "like=/etc/passwd", "inside=1%00", "words=http://x.y"):
        assert 422 == call(other, "GET", f"/v1/search?words=x&{wrong_one}".replace("words=x&words", "words")).status


def test_a_scene_is_found_by_a_photo_and_cut_out(other: PageHome) -> None:
    best = said(call(other, "GET", "/v1/search?words=flames&floor=0"))["scenes"][0]
    photo = call(other, "GET", f"/still/{best['video']}/{round(best['peak_s'] * 1000)}").body
    kept = said(other.ask("/search/photo", "POST", body=photo, origin=other.address, content_type="image/jpeg"))
    assert best["file"] == said(call(other, "GET", f"/v1/search?like={kept['like']}&floor=0"))["scenes"][0]["file"]
    assert 422 == other.ask("/search/photo", "POST", body=b"no photo", origin=other.address).status
    asked = {"video": best["video"], "begin_s": 0.5, "end_s": 1.5}
    job = ended(other, said(call(other, "POST", "/v1/cut", asked), 202))
    assert ("done", f"/cuts/{job['id']}") == (job["state"], job["address"]), job
    made = call(other, "GET", job["address"])
    assert (200, "video/mp4", b"ftyp") == (made.status, made.headers["content-type"], made.body[4:8])
    for wrong in ({"video": "v1-0123456789abcdef"}, {"begin_s": -1}, {"end_s": 1e8}, {"video": "../x"}):
        assert 422 == call(other, "POST", "/v1/cut", asked | wrong).status
    for address in ("http://example.org/x", "file:///etc/passwd", "https://", "x"):
        assert 422 == call(other, "POST", "/v1/fetch", {"address": address}).status


def test_a_video_is_taught_and_set_aside(other: PageHome) -> None:
    filed = said(call(other, "GET", "/v1/items?state=filed&rule=city"))["items"]
    number = filed[0]["id"]
    lesson = said(call(other, "POST", f"/v1/items/{number}/teach", {"rule": "sea"}))
    assert "/sea/" in lesson["destination"]
    assert 422 == call(other, "POST", f"/v1/items/{number}/teach", {"rule": "../../etc"}).status
    assert 422 == call(other, "POST", f"/v1/items/{number}/teach", {}).status
    aside = said(call(other, "POST", f"/v1/items/{lesson['item']}/aside", {}))
    assert "aside" == aside["state"]
    assert 422 == call(other, "POST", f"/v1/items/{lesson['item']}/aside", {}).status


def test_what_waits_is_decided_once(other: PageHome) -> None:
    number = said(call(other, "GET", "/v1/review"))["items"][0]["id"]
    assert number == said(call(other, "GET", f"/v1/review/{number}"))["id"]
    assert 422 == call(other, "POST", f"/v1/review/{number}/choose", {"rule": "nothing"}).status
    decided = said(call(other, "POST", f"/v1/review/{number}/choose", {"rule": "snow"}))
    assert "nature/snow" == decided["rule"]
    assert 409 == call(other, "POST", f"/v1/review/{number}/choose", {"rule": "snow"}).status
    assert 409 == call(other, "POST", f"/v1/review/{number}/nowhere").status
    back = said(call(other, "POST", "/v1/undo", {"ids": [decided["undo"]]}))
    assert [decided["undo"]] == [one["id"] for one in back["undone"]]


def test_the_config_is_written_over_nothing_unseen(other: PageHome) -> None:
    before = other.home.config.read_text()
    now = call(other, "GET", "/v1/config")
    assert before == said(now)["text"]
    changed = {"text": before.replace("settle: 0.3s", "settle: 0.5s")}
    assert said(call(other, "POST", "/v1/config/check", changed))["ok"]
    wrong_text = {"text": "version: 2\n"}
    checked = said(call(other, "POST", "/v1/config/check", wrong_text))
    assert (False, 1) == (checked["ok"], checked["mistakes"][0]["line"])
    assert 428 == call(other, "PUT", "/v1/config", changed).status
    assert 412 == call(other, "PUT", "/v1/config", changed, if_match='"0"').status
    assert 422 == call(other, "PUT", "/v1/config", wrong_text, if_match=now.headers["etag"]).status
    assert 422 == call(other, "PUT", "/v1/config", {"text": "\ud800"}, if_match=now.headers["etag"]).status
    assert before == other.home.config.read_text()
    done = call(other, "PUT", "/v1/config", changed, if_match=now.headers["etag"])
    assert ["inboxes"] == said(done)["changed"]
    assert changed["text"] == other.home.config.read_text()
    assert 412 == call(other, "PUT", "/v1/config", changed, if_match=now.headers["etag"]).status
    assert 200 == call(other, "PUT", "/v1/config", {"text": before}, if_match=done.headers["etag"]).status


def test_other_rules_are_previewed(other: PageHome) -> None:
    text, before = other.home.config.read_text(), state_of(other)
    without = text.replace("  - {name: fire, prompts: [fire, flames]}\n", "")
    job = ended(other, said(call(other, "POST", "/v1/rules/preview", {"text": without}), 202))
    assert "done" == job["state"], job
    assert "fire" in {one["rule_before"] for one in job["answer"]["items"]}, job["answer"]
    assert 422 == call(other, "POST", "/v1/rules/preview", {"text": "version: 2\n"}).status
    more = {"text": text.replace("rules:\n", "sampling: {max_frames: 64}\nrules:\n", 1)}
    unsure = ended(other, said(call(other, "POST", "/v1/rules/preview", more), 202))
    assert unsure["answer"]["counts"]["unknown"] > 0
    looked = ended(other, said(call(other, "POST", "/v1/rules/preview", more | {"look": True}), 202))
    assert 0 == looked["answer"]["counts"]["unknown"]
    assert before == state_of(other)


@pytest.mark.long
def test_of_a_pair_one_is_kept_and_the_other_comes_back(other: PageHome) -> None:
    first = said(call(other, "GET", "/v1/items?text=slides"))["items"][0]["destination"]
    second = shutil.copy2(first, other.home.library / "once more.mp4")
    other.home.run("index")
    assert "done" == ended(other, said(call(other, "POST", "/v1/duplicates"), 202))["state"]
    found = said(call(other, "GET", "/v1/duplicates"))["pairs"]
    pair = next(one for one in found if {one["left"]["file"], one["right"]["file"]} == {first, str(second)})
    assert "copy" == pair["kind"]
    assert 422 == call(other, "POST", f"/v1/duplicates/{pair['id']}/keep", {"keep": "neither"}).status
    gone, keep = ("left", "right") if pair["left"]["file"] == str(second) else ("right", "left")
    aside = said(call(other, "POST", f"/v1/duplicates/{pair['id']}/keep", {"keep": keep}))["aside"]
    assert (pair[gone]["file"], "aside") == (aside["source"], aside["state"])
    assert 404 == call(other, "POST", f"/v1/duplicates/{pair['id']}/keep", {"keep": keep}).status
    assert 1 == len(said(call(other, "POST", "/v1/undo", {"ids": [aside["id"]]}))["undone"])
    assert Path(second).exists()


def test_the_log_is_read_backwards(other: PageHome) -> None:
    first = said(call(other, "GET", "/v1/logs?level=debug&limit=1"))
    assert 1 == len(first["lines"])
    second = said(call(other, "GET", f"/v1/logs?level=debug&limit=1&before={first['next']}"))
    assert second["lines"] != first["lines"]
    for place in ("0-0", "99999999999999999999-1", f"{first['next'].partition('-')[0]}-999999999999999"):
        said(call(other, "GET", f"/v1/logs?before={place}"))
