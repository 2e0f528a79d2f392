"""Search in a real browser: by sentence, moment, photo, words and address; and what a stranger may try with it."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import av
import pytest
from PIL import Image

from tests.sample_model.canvas import Light
from tests.sample_model.renderer import Subject
from tests.support.browser import CLIPS, PageHome, free_port, visit
from tests.support.clips import render_scene
from tests.support.harness import RULES, Home
from tests.support.page_api import call, ended, said
from tests.support.video_site import VideoSite
from tests.support.waiting import until
from vsortd.config.running_options import Workers
from vsortd.errors import ChangedError, UsageError
from vsortd.web.cut_scenes import CutScenes, SceneToCut
from vsortd.web.page_jobs import PageJob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(240)

CLIPS_FILED = ("walk in the woods.mp4", "owls.mp4", "summit.mp4", "campfire.mov")
WORDS = "1\n00:00:00,500 --> 00:00:02,000\nMind the crevasse\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VideoSite]:
    """Return a site with a film of a forest, and one whose bytes are none."""
    folder = tmp_path_factory.mktemp("site")
    film = render_scene(folder / "film.mp4", Subject.FOREST, Light.DAY, seed=3, frames=40, fps=10)
    with VideoSite(folder) as served:
        served.put("/film.mp4", film)
        served.page("/watch", "/film.mp4", title="A film: the forest")
        yield served


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, site: VideoSite) -> Iterator[PageHome]:
    """Return a home with filed clips, and a folder besides that was indexed: two copies of a clip, and subtitles."""
    folder = tmp_path_factory.mktemp("page")
    port = free_port()
    made = PageHome(Home.make(folder, more=f"web: {{port: {port}}}\n", rules=RULES), port)
    made.home.more_environment = {**site.environment, "VSORTD_WEB": str(port)}
    archive = folder / "Archive"
    archive.mkdir()
    for name in ("summit.mp4", "summit again.mp4"):
        shutil.copy2(CLIPS / "summit.mp4", archive / name)
    as_hevc(CLIPS / "new year.mp4", archive / "phone.mp4")
    (archive / "summit.en.srt").write_text(WORDS)
    shutil.copy2(CLIPS / "flowers.mp4", archive / "gone.mp4")
    made.home.run("index", archive)
    (archive / "gone.mp4").unlink()
    made.drop(*CLIPS_FILED)
    made.home.start()
    made.sorted(len(CLIPS_FILED))
    yield made
    made.stop()


def as_hevc(clip: Path, to: Path) -> None:
    """Encode a clip as phones do, which Debian's Chromium doesn't play."""
    with av.open(str(clip)) as film, av.open(str(to), "w") as made:
        stream = made.add_stream("libx265", rate=15, options={"x265-params": "log-level=none"})
        stream.pix_fmt = "yuv420p"
        for number, frame in enumerate(film.decode(video=0)):
            if number == 0:
                stream.width, stream.height = frame.width, frame.height
            picture = frame.reformat(format="yuv420p")
            picture.pts = number
            made.mux(stream.encode(picture))
        made.mux(stream.encode())


def a_photo(path: Path, *, side_px: int = 0) -> Path:
    """Save the first frame of a clip of snowy mountains as a photo; with `side_px` one that takes many bytes."""
    with av.open(str(CLIPS / "summit.mp4")) as film:
        image = next(film.decode(video=0)).to_image()
    if side_px:
        image = image.resize((side_px, side_px))
    image.save(path, "BMP" if side_px else "JPEG")
    return path


def wait_until(page: Page, expression: str) -> None:
    """Wait until a script's expression holds; the page's own policy lets no text be run by the page itself."""
    until(lambda: page.evaluate(expression), what=expression)


def leave_box(page: Page) -> None:
    """Take the focus out of the box, as a click beside it does."""
    page.get_by_role("heading", name="Search", exact=True).click()


def test_a_scene_is_found_played_searched_by_and_cut_out_by_keyboard_alone(
    browser: Browser, home: PageHome, tmp_path: Path
) -> None:
    with visit(browser, home) as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("s")
        page.wait_for_url("**/search")
        wait_until(page, "document.activeElement.name === 'q'")
        page.keyboard.type("a forest")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=a+forest")
        first = page.locator("#hit-1")
        first.get_by_text("walk in the woods.mp4").wait_for()
        page.locator("#results-said").get_by_text("2 scenes").wait_for(state="attached")
        wait_until(page, "document.querySelector('#hit-1 img').naturalHeight > 0")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("j")
        assert "hit-1" == page.evaluate("document.activeElement.id")
        page.keyboard.press("p")
        wait_until(page, "document.querySelector('dialog video')?.currentTime > 0.2")
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
        assert 0 == page.locator("video").count()
        assert "hit-1" == page.evaluate("document.activeElement.closest('.hit').id")
        page.keyboard.press("c")
        page.get_by_role("status").get_by_text("Cut out, ").first.wait_for()
        for _ in range(5):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('[data-job-result]')"):
                break
        with page.expect_download() as coming:
            page.keyboard.press("Enter")
        coming.value.save_as(tmp_path / "scene.mp4")
        assert "walk in the woods 00.00.0.mp4" == coming.value.suggested_filename
        page.keyboard.press("/")
        assert "q" == page.evaluate("document.activeElement.name")
        leave_box(page)
        page.keyboard.press("j")
        page.keyboard.press("l")
        page.wait_for_url("**like=v*")
        page.get_by_role("link", name=re.compile("like walk in the woods.mp4 at")).wait_for()
        page.locator("#hit-1").wait_for()
        assert 0 == page.locator(".hit").filter(has_text="walk in the woods.mp4").count()
    with av.open(str(tmp_path / "scene.mp4")) as cut:
        assert sum(1 for _ in cut.decode(video=0)) > 10


@pytest.mark.long
def test_what_is_found_is_narrowed_by_mouse_and_copies_are_folded(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/search")
        page.get_by_label("What to look for").fill("mountains")  # as typed
        page.wait_for_url("**q=mountains")
        hit = page.locator(".hit").filter(has_text="summit.mp4")
        hit.get_by_text("and 2 copies").click()
        hit.get_by_text("summit again.mp4").wait_for()
        page.get_by_role("link", name="show all").click()
        page.locator(".hit").filter(has_text="campfire").wait_for()
        assert "0 %" == page.locator("#floor-shown").inner_text()
        page.get_by_label("Under the rule").fill("fire")
        page.keyboard.press("Enter")
        page.wait_for_url("**under=fire**")
        page.locator(".hit").filter(has_text="summit").wait_for(state="detached")
        page.get_by_label("Under the rule").fill("nothing")
        page.keyboard.press("Enter")
        page.locator("#results .trouble").get_by_text("There is no rule 'nothing'.").wait_for()
        page.get_by_label("Under the rule").fill("")
        page.get_by_label("Not", exact=True).fill("snow")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="not snow: take out").click()
        page.wait_for_url(lambda address: "not=" not in address)
        page.get_by_label("At least, percent").press("End")
        page.locator("#floor-shown").get_by_text("100 %").wait_for()
        page.locator("#results").get_by_text("Nothing here shows it clearly.").wait_for()
        page.get_by_label("Recorded since").select_option("1d")
        page.wait_for_url("**since=1d**")


def test_a_photo_is_an_example(browser: Browser, home: PageHome, tmp_path: Path) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/search?floor=0")
        page.get_by_label("Like a photo").set_input_files(a_photo(tmp_path / "peak.jpg"))
        page.wait_for_url("**like=photo-**")
        page.locator("#hit-1").get_by_text("summit.mp4").first.wait_for()
        (tmp_path / "broken.png").write_bytes(b"<svg onload=alert(1)>")
        page.locator("#photo").set_input_files(tmp_path / "broken.png")
        page.get_by_role("alert").get_by_text("That is no photo that can be read").wait_for()
        assert any("422" in one for one in seen.complaints)
        seen.complaints.clear()


@pytest.mark.long
def test_an_address_is_fetched_first_and_then_searched(browser: Browser, home: PageHome, site: VideoSite) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/search")
        asked = len(site.asked)
        page.locator("[name=q]").fill(f"trees in a wood {site.url('/watch')}")
        page.get_by_role("button", name="Fetch it").wait_for()
        assert asked == len(site.asked), "typing alone fetches nothing"
        page.keyboard.press("Enter")
        page.wait_for_url("**in=v*")
        page.get_by_role("link", name="in A film_ the forest.mp4: take out").wait_for()
        hit = page.locator("#hit-1")
        hit.get_by_text("A film_ the forest.mp4").wait_for()
        wait_until(page, "document.querySelector('#hit-1 img').naturalHeight > 0")
        hit.locator(".still").click()
        wait_until(page, "document.querySelector('dialog video')?.readyState >= 1")
        page.keyboard.press("Escape")
        page.locator("[name=q]").fill(site.url("/nothing"))
        page.locator("[name=q]").press("Enter")
        page.locator("#results .trouble").get_by_text("can't be fetched").wait_for()
        page.locator("[name=q]").fill("http://example.com/film.mp4")
        page.get_by_text("only what begins with https:// is").first.wait_for()


def test_what_the_browser_can_t_play_is_played_by_a_copy(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        page = seen.go("/search?q=fire&floor=0")
        page.locator(".hit").filter(has_text="phone.mp4").locator(".still").click()
        page.get_by_role("dialog").get_by_role("button", name="Make a copy that plays").click()
        wait_until(page, "document.querySelector('dialog video')?.readyState >= 2")
        assert "/copy/v" in (page.locator("dialog video").get_attribute("src") or "")


def test_without_script_everything_but_photos_is_there(browser: Browser, home: PageHome, site: VideoSite) -> None:
    with visit(browser, home, script=False) as seen:
        page = seen.go("/search")
        page.get_by_role("link", name="a forest").or_(page.get_by_role("link", name="forest")).first.click()
        page.locator("#hit-1").get_by_text("walk in the woods.mp4").wait_for()
        page.get_by_label("What to look for").fill("fire")
        page.get_by_role("button", name="Search").click()
        hit = page.locator("#hit-1")
        hit.get_by_text("campfire").wait_for()
        hit.get_by_role("button", name="Cut out").click()
        for _ in range(100):
            if page.get_by_role("link", name="Download").count():
                break
            page.get_by_role("link", name="Look again").click()
        page.get_by_role("link", name="Download").wait_for()
        page.go_back()
        seen.go("/search?q=fire")
        page.locator("#hit-1 .still").click()
        page.get_by_role("heading", name="campfire").wait_for()
        page.get_by_role("link", name="Like this moment").click()
        page.get_by_role("link", name=re.compile("like campfire")).wait_for()
        seen.go("/search?q=" + site.url("/watch"))
        page.get_by_role("button", name="Fetch it").click()
        for _ in range(100):
            if page.get_by_role("link", name="Show").count():
                break
            page.get_by_role("link", name="Look again").click()
        page.get_by_role("link", name="Show").click()
        page.get_by_text("Say what to look for in this video.").wait_for()
        assert 0 == page.locator("#photo").filter(visible=True).count()


def test_everyone_can_use_it(browser: Browser, home: PageHome) -> None:
    with visit(browser, home) as seen:
        for path in ("/search", "/search?q=mountains&floor=0&not=sea", "/search?q=crevasse&by=said"):
            seen.go(path)
            seen.accessible(path)
            seen.fits()
        seen.go("/search?q=mountains")
        seen.page.locator("#hit-1 .still").click()
        seen.page.locator("dialog video").wait_for()
        seen.accessible("player")


def test_words_that_are_said_are_found_where_they_are_said(home: PageHome) -> None:
    shown = home.ask("/search?q=crevasse&by=said").text
    assert "Mind the crevasse" in shown
    assert "00:00.5" in shown
    assert "Looked through 1 video with subtitles." in shown
    assert "Words are looked for alone." in home.ask("/search?q=crevasse&by=said&not=sea").text


@pytest.mark.long
def test_what_the_model_does_not_know_and_what_is_gone_is_told(home: PageHome) -> None:
    unknown = home.ask("/search?q=a+forest+with+bergschrund").text
    assert "does not know the word <b>bergschrund</b>" in unknown
    nothing = home.ask("/search?q=bergschrund").text
    assert "knows nothing of &#39;bergschrund&#39;" in nothing
    assert "It was taught" in nothing
    meadow = home.ask("/search?q=meadow&floor=0").text
    assert "1 video is gone" in meadow
    assert "gone.mp4" not in meadow
    assert "Nothing can be heard" in home.ask("/search?q=rain&by=sound").text


@pytest.mark.long
def test_more_hits_follow_those_that_are_shown(home: PageHome) -> None:
    shown = home.ask("/search?q=mountains&floor=0&from=1").text
    assert 'start="2"' in shown
    assert 'id="hit-1"' not in shown


@pytest.mark.parametrize(
    "query",
    [
        "like=../../etc/passwd",
        "like=/etc/passwd",
        "like=1@-3",
        "like=999999",
        "like=photo-" + 64 * "0",
        "like=v1-" + 16 * "0",
        "in=v1-" + 16 * "0",
        "in=../x",
        "in=v99999999999999999999-" + 16 * "0",
        "q=forest&under=../../etc",
        "q=forest&since=never",
        "q=forest&orientation=round",
        "q=file:///etc/passwd",
        "q=https://name:word@example.com/",
    ],
)
def test_what_no_form_of_ours_sends_is_answered_by_a_sentence(home: PageHome, query: str) -> None:
    answer = home.ask(f"/search?{query}")
    assert 200 == answer.status
    assert '<section class="card trouble"' in answer.text
    assert "<ol" not in answer.text
    assert "name:word" not in answer.text.partition('id="results"')[2]


def test_strangers_get_nothing(home: PageHome) -> None:
    for path in ("/search?q=forest", "/search/play?id=1&begin=0&end=1", "/cuts/abc", "/still/1/0", "/media/1"):
        assert 401 == home.ask(path, cookie="").status, path
    foreign = {"origin": "http://elsewhere.example"}
    for path in ("/search/photo", "/search/fetch", "/search/cut"):
        assert 403 == home.post(path, {"id": "1"}, **foreign).status, path
    assert 422 == home.post("/search/cut", {"id": "../x", "begin": "0", "end": "1"}, x_fragment="1").status
    assert 422 == home.post("/search/cut", {"id": "1", "begin": "nan", "end": "1"}, x_fragment="1").status
    assert 422 == home.post("/search/fetch", {"q": "file:///etc/passwd"}, x_fragment="1").status
    assert 422 == home.ask("/search/play?id=1&begin=1e99&end=2").status
    for job in ("..", "%2e%2e", "0" * 16):
        assert home.ask(f"/cuts/{job}").status in {404, 422}


@contextlib.contextmanager
def behind_a_link(folder: Path, aside: Path) -> Iterator[None]:
    """Have a folder lie elsewhere for a while, with a link in its place."""
    folder.rename(aside)
    folder.symlink_to(aside, target_is_directory=True)
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


def cut_of(home: PageHome, number: int) -> str:
    """Ask for a scene of an item; return the address of the job, "" where none began."""
    asked = {"id": str(number), "begin": "0", "end": "1"}
    return home.post("/search/cut", asked).headers.get("location", "")


def filed(home: PageHome, name: str) -> tuple[int, Path]:
    """Return the number and the place of a clip."""
    item = next(one for one in home.home.items() if one["source"].endswith(f"/{name}"))
    return item["id"], home.home.library / item["destination"]


def test_nothing_is_cut_out_of_what_is_not_handed_out(home: PageHome, tmp_path: Path) -> None:
    number, place = filed(home, "owls.mp4")
    with behind_a_link(place.parent, tmp_path / "aside"):
        assert home.ask(f"/media/{number}").status in {403, 404}
        assert "" == cut_of(home, number)
    assert cut_of(home, number).startswith("/jobs/")


def test_a_video_that_is_another_by_the_time_it_is_cut_is_not_handed_out(home: PageHome, tmp_path: Path) -> None:
    (first, _), (number, place) = filed(home, "summit.mp4"), filed(home, "owls.mp4")
    jobs = [cut_of(home, first), cut_of(home, first), cut_of(home, number)]  # the third waits for the others
    with behind_a_link(place.parent, tmp_path / "aside"):
        home.home.wait(lambda: "Download" in home.ask(jobs[1]).text, what="another scene is cut out")
        home.home.wait(lambda: "rogress" not in home.ask(jobs[2]).text, what="it ended")
        told = home.ask(jobs[2]).text
        assert "Download" not in told
        assert home.ask(f"/cuts/{jobs[2].rpartition('/')[2]}").status in {404, 422}


@pytest.mark.long
@pytest.mark.parametrize("good_looks", [0, 1])
def test_a_cut_is_kept_only_of_what_was_the_same_before_and_after(tmp_path: Path, good_looks: int) -> None:
    scenes, looks, job = CutScenes(tmp_path / "state"), list[int](), PageJob("0123456789abcdef", "Cutting")
    scene = SceneToCut(CLIPS / "summit.mp4", 0.0, 1.0)

    def insist() -> None:
        looks.append(1)
        with pytest.raises(UsageError):
            scenes.file(job.id)  # nothing is there to take yet
        if len(looks) > good_looks:
            raise ChangedError("it was changed meanwhile")

    with pytest.raises(ChangedError):
        scenes.make(scene, job, Workers(), insist)
    assert (good_looks + 1, []) == (len(looks), list((tmp_path / "state" / "cuts").iterdir()))
    made = scenes.make(scene, job, Workers(), lambda: None)
    assert made.size_bytes == scenes.file(job.id).stat().st_size


def test_a_photo_may_be_large_and_nothing_else(home: PageHome, tmp_path: Path) -> None:
    photo = a_photo(tmp_path / "large.bmp", side_px=900).read_bytes()
    assert len(photo) > 2 << 20
    taken = home.ask("/search/photo?floor=0", "POST", body=photo, origin=home.address)
    assert 200 == taken.status
    asked = parse_qs(urlsplit(json.loads(taken.body)["address"]).query)
    assert ["0"] == asked["floor"]
    assert asked["like"][0].startswith("photo-")
    assert 413 == home.ask("/search/fetch", "POST", body=photo, origin=home.address).status
    refused = home.ask("/search/photo", "POST", body=b"GIF89a<script>", origin=home.address)
    assert 422 == refused.status
    assert "no photo that can be read" in json.loads(refused.body)["error"]


def test_a_bomb_of_a_photo_is_refused_by_its_size(home: PageHome) -> None:
    made = io.BytesIO()
    Image.new("1", (8200, 8200)).save(made, "PNG")
    refused = home.ask("/search/photo", "POST", body=made.getvalue(), origin=home.address)
    assert 422 == refused.status
    assert "more pixels" in json.loads(refused.body)["error"]


@pytest.mark.long
def test_a_script_fetches_an_address_and_searches_within(home: PageHome, site: VideoSite) -> None:
    job = ended(home, said(call(home, "POST", "/v1/fetch", {"address": site.url("/watch")}), 202))
    assert "done" == job["state"], job
    inside = job["answer"]["video"]
    scenes = said(call(home, "GET", f"/v1/search?words=forest&floor=0&inside={inside}"))["scenes"]
    assert {job["answer"]["file"]} == {one["file"] for one in scenes}
    assert (
        "failed" == ended(home, said(call(home, "POST", "/v1/fetch", {"address": site.url("/nothing")}), 202))["state"]
    )
