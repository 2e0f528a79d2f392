"""`vsortd model compare`: real clips, real models in processes of their own, one decoding for all of them."""

from __future__ import annotations

import csv
import io
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.support import harness
from tests.support.tiny_models import make_tiny
from tests.support.waiting import until
from vsortd.cli import model_trials
from vsortd.config.load import load_settings
from vsortd.config.settings import ModelChoice
from vsortd.core.console import PlainConsole
from vsortd.doctor.demo_clips import FOLDER as DEMO_CLIPS
from vsortd.errors import ModelError, UsageError, VsortdError
from vsortd.evaluation import side_by_side
from vsortd.evaluation.case_sampling import LeftOut
from vsortd.evaluation.contest_table import print_contest
from vsortd.evaluation.eval_run import Wishes, evaluate
from vsortd.evaluation.model_contest import ModelContest, ModelResult, VideoOutcome
from vsortd.evaluation.side_by_side import compare_models
from vsortd.vision.model_process import ModelCost, ModelProcess, _refused
from vsortd.vision.model_worker import _Holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vsortd.config.settings import Settings
    from vsortd.media.protocol import Blob, Message

pytestmark = pytest.mark.timeout(300)
FRAMES = 4
PLACES = {"nature/forest": "walk in the woods.mp4", "city": "downtown.mp4", "_none": "slides.mp4"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> harness.Home:
    """Return a home with a labelled folder; one of its videos is none, and one decoder takes them by turns."""
    folder = tmp_path_factory.mktemp("compare") / "home"
    rules = harness.RULES.replace("  - {name: slides, prompts: [text slides, presentation slide]}\n", "")
    sampling = f"sampling: {{min_frames: 2, max_frames: {FRAMES}}}\nworkers: {{decode: 1}}\n"
    made = harness.Home.make(folder, more=sampling, rules=rules)
    for place, name in PLACES.items():
        (folder / "Truth" / place).mkdir(parents=True)
        shutil.copy2(DEMO_CLIPS / name, folder / "Truth" / place / name)
    (folder / "Truth/city/broken.mp4").write_bytes(b"no film at all" * 100)
    return made


@pytest.fixture(scope="module")
def settings(home: harness.Home) -> Settings:
    return load_settings(home.config)


@pytest.fixture(scope="module")
def found(home: harness.Home, settings: Settings) -> Iterator[ModelContest]:
    """Compare the sample model, a tiny checkpoint and a model that isn't here."""
    make_tiny(home.folder / "tiny.safetensors")
    tiny = ModelChoice(name="tiny", weights=str(home.folder / "tiny.safetensors"))
    gone = ModelChoice(name="ViT-B-32", weights="datacomp_xl_s13b_b90k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HUB_CACHE", str(home.folder / "hub"))
        choices = ["sample", gone, tiny]
        yield compare_models(settings, home.folder / "state", choices, home.folder / "Truth")


class Here(ModelProcess):
    """A model in this very process, by the code of the other one: importing torch anew takes seconds each time."""

    turns = 0

    def __init__(self) -> None:
        self._frames, self._busy_s = 0, 0.0
        self._holder = _Holder()

    def _ask(self, request: Message, blob: Blob = b"") -> tuple[Message, Blob]:
        reply = self._holder.answer(request, blob)
        if refused := _refused(reply[0]):
            raise refused
        Here.turns += request["op"] == "load"
        return reply

    def close(self) -> None:
        self._holder = _Holder()


@pytest.mark.long
def test_every_model_judges_as_eval_does_by_frames_decoded_once(
    found: ModelContest, home: harness.Home, settings: Settings
) -> None:
    sample, gone, tiny = found.results
    assert not (home.folder / "state").exists()
    seen = evaluate(settings, home.folder / "evaluated", home.folder / "Truth", Wishes())
    assert [VideoOutcome.of(one) for one in seen.judged] == list(sample.outcomes)
    assert (seen.sampled.frames, 3) == (found.decoded, len(tiny.outcomes))
    assert ["broken.mp4"] == [one.path.name for one in found.failed]
    assert (1, 1) == (sample.none_right.n, tiny.none_right.n)
    assert gone.trouble is not None
    assert "ViT-B-32 / datacomp_xl_s13b_b90k are not in" in gone.trouble.title
    assert "vsortd model fetch ViT-B-32 datacomp_xl_s13b_b90k" in gone.trouble.remedy
    for one in (sample, tiny):
        cost = one.cost
        assert cost is not None
        assert found.decoded == cost.frames
        assert cost.frames_per_s
        assert 0 < cost.libraries_bytes < cost.memory_bytes
        assert cost.load_s > 0
    assert {tiny.word} == found.against_first().keys()
    assert ("default", 1.0) == (tiny.temperature_from, tiny.temperature)


@pytest.mark.long
def test_it_is_told_in_every_form(
    found: ModelContest, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    document = found.to_json()
    entries: dict[str, Any] = {entry["model"]: entry for entry in document["models"]}
    sample, gone, tiny = found.results
    assert (3, 1, sample.word) == (document["n"], document["n_none"], document["compared_with"])
    assert entries[gone.word]["accuracy"] is None
    assert entries[gone.word]["error"]
    assert None is entries[sample.word]["verdict"]
    assert entries[tiny.word]["verdict"]
    model_trials.write_csv_of(model_trials._COMPARE_FIELDS, document["models"])
    table = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert list(entries) == [row["model"] for row in table]
    assert set(entries[tiny.word]) - {"key"} == set(table[0])

    print_contest(PlainConsole(), found)
    told = capsys.readouterr().out
    assert "3 videos, 1 of them of no rule" in told
    assert f"{gone.word} is not compared: The weights of" in told
    assert f"{sample.accuracy.share:.0%} (" in told
    assert "broken.mp4" in told
    assert "1.00, not calibrated" in told


def test_a_clear_winner_is_called_so() -> None:
    cost = ModelCost(10**6, 1.0, 100, 200, None, "", 32, frames=90, busy_s=3.0)
    right, wrong = (VideoOutcome(one, undecided=False, fits_none=False, frames=8) for one in (True, False))
    bad = ModelResult("a", None, cost, 1.0, "default", [wrong] * 8)
    good = replace(bad, word="b", outcomes=[right] * 8)
    contest = ModelContest(DEMO_CLIPS, [bad, good], 64, [], [LeftOut(DEMO_CLIPS, "too long", failed=False)])
    assert "won 8, lost 0: better (p = under 0.01)" == contest.against_first()["b"].sentence()
    assert 30.0 == cost.frames_per_s
    both = replace(cost, memory_bytes=150, load_s=9.0).plus(cost)
    assert (1.0, 200, 180, 30.0) == (both.load_s, both.memory_bytes, both.frames, both.frames_per_s)


@pytest.mark.long
def test_models_take_turns_when_the_frames_are_too_many_for_the_disk(
    found: ModelContest, home: harness.Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A spool of one byte is full with the first videos; the others wait for a turn more, else all is the same."""
    monkeypatch.setattr(side_by_side, "ModelProcess", Here)
    tiny = ModelChoice(name="tiny", weights=str(home.folder / "tiny.safetensors"))
    again = compare_models(settings, home.folder / "state", ["sample", tiny], home.folder / "Truth", spool_bytes=1)
    assert 2 * 2 == Here.turns
    for before, now in zip((found.results[0], found.results[2]), again.results, strict=True):
        assert list(before.outcomes) == list(now.outcomes)
        assert before.cost is not None
        assert now.cost is not None
        assert before.cost.frames == now.cost.frames
    assert (found.decoded, found.failed) == (again.decoded, again.failed)


def test_where_no_model_can_be_had_nothing_is_decoded(
    home: harness.Home, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "ModelProcess", Here)
    gone = [ModelChoice(name=name, weights=f"/no/such/{name}.safetensors") for name in ("one", "two")]
    with pytest.raises(ModelError, match="None of the models") as caught:
        compare_models(settings, home.folder / "state", gone, home.folder / "Truth")
    assert 2 == len(caught.value.details)
    assert "one=/no/such/one.safetensors: The weights /no/such/one.safetensors are not there." in caught.value.details
    with pytest.raises(UsageError, match="There is no folder"):
        compare_models(settings, home.folder / "state", gone, home.folder / "nowhere")


def test_a_process_that_is_killed_is_told_of() -> None:
    with ModelProcess() as model:
        model._process.kill()
        with pytest.raises(VsortdError, match="was killed, as the system does where memory is short"):
            model.load("sample")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_ctrl_c_leaves_no_process(home: harness.Home) -> None:
    (home.folder / "Many" / "city").mkdir(parents=True)
    for number in range(40):  # so that it is not over before it is called off
        shutil.copy2(DEMO_CLIPS / "downtown.mp4", home.folder / "Many" / "city" / f"{number}.mp4")
    words = ["model", "compare", "sample", "auto", "--in", str(home.folder / "Many")]
    command = [sys.executable, "-m", "vsortd", *words]
    with subprocess.Popen(command, env=home.environment, stderr=subprocess.PIPE, text=True) as running:
        children: list[psutil.Process] = []
        until(lambda: bool(children.extend(psutil.Process(running.pid).children()) or children), what="it has begun")
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert 130 == running.returncode, said
    assert "Traceback" not in said
    assert [] == psutil.wait_procs(children, timeout=10)[1]
