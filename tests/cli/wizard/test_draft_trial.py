"""The end of `vsortd config init`: the config tried on the person's own videos, with a script for the person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.wizard import SHORT, Planned, Planner, Script
from vsortd.cli.wizard import draft_trial
from vsortd.cli.wizard.dialogue import MessageTone
from vsortd.cli.wizard.draft_trial import ask_all, missing_folders
from vsortd.config.draft import ConfigDraft, check_draft
from vsortd.errors import ModelError
from vsortd.setup import trial_videos
from vsortd.setup.trial_videos import spread

if TYPE_CHECKING:
    import pytest


def test_five_of_the_inboxes_videos_are_tried_and_shown(inbox: Path) -> None:
    script, planner = Script([*SHORT, "a"]), Planner()
    draft = ask_all(script, planner)
    ((settings, videos),) = planner.calls
    assert ["0.mp4", "1.mp4", "2.mp4", "4.mp4", "5.mp4"] == [video.name for video in videos]
    assert "sea" in script.shown[-1]
    assert "0.mp4  ████████░░ 0.80 (+0.60)" in script.shown[-1]
    assert "because" in script.shown[-1]
    assert "sample" == settings.model == draft.model
    assert 7 == len(list(inbox.iterdir()))


def test_prompts_are_changed_and_tried_again(inbox: Path) -> None:
    script, planner = Script([*SHORT, "p", "9", "FOREST", "woods", "p", "1", "b", "p", "", "a"]), Planner()
    draft = ask_all(script, planner)
    assert ("woods",) == draft.rules["forest",]
    assert [(), ("woods",)] == [settings.rules[1].prompts for settings, _ in planner.calls]
    assert ["There is no rule 9."] == script.told(MessageTone.WRONG)
    assert inbox.is_dir()


def test_the_whole_inbox_is_tried_on_demand(inbox: Path) -> None:
    script, planner = Script([*SHORT, "x", "w", "a"]), Planner()
    ask_all(script, planner)
    assert [5, 7] == [len(videos) for _, videos in planner.calls]
    assert "One of a, p, w, b" in script.told(MessageTone.WRONG)
    assert inbox.is_dir()


def test_from_the_trial_back_to_the_questions(inbox: Path) -> None:
    script, planner = Script([*SHORT, "b", "never", "a"]), Planner()
    assert "never" == ask_all(script, planner).mov
    assert 2 == len(planner.calls)
    assert inbox.is_dir()


def test_videos_from_elsewhere_are_tried_where_the_inbox_has_none(home: Path) -> None:
    (home / "film.mp4").write_bytes(b"video")
    (home / "empty").mkdir()
    script, planner = Script([*SHORT, "~/no", "~nobody/x", "~/empty", "~/film.mp4", "a"]), Planner()
    ask_all(script, planner)
    assert [[home / "film.mp4"]] == [videos for _, videos in planner.calls]
    assert 3 == len(script.told(MessageTone.WRONG))


def test_a_config_may_go_untried() -> None:
    script, planner = Script([*SHORT, "b", "", "", "a"]), Planner()
    ask_all(script, planner)
    assert [] == planner.calls
    assert "And now? (a, b)" == script.asked[-1]


def test_a_model_that_can_not_be_had_is_said_and_the_config_can_be_written(inbox: Path) -> None:
    script, planner = Script([*SHORT, "a"]), Planner(error=ModelError("No network.", remedy="Get one."))
    ask_all(script, planner)
    assert ["It can't be tried now: No network. Get one."] == script.told(MessageTone.WARNING)
    assert inbox.is_dir()


def test_nothing_is_downloaded_unasked(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_videos, "cached_weights", lambda _: None)
    script, planner = Script(["", "", "auto", *SHORT[3:], "n", "a"]), Planner()
    ask_all(script, planner)
    assert [] == planner.calls
    assert "downloaded first" in script.asked[-2]
    script, planner = Script(["", "", "auto", *SHORT[3:], "y", "a"]), Planner()
    ask_all(script, planner)
    assert 1 == len(planner.calls)
    assert inbox.is_dir()


def test_many_files_of_one_folder_are_counted_not_listed() -> None:
    library = Path("/library")
    outcomes: Any = [Planned(f"/in/{n}.mp4", f"/library/sea/{n}.mp4", "sea") for n in range(20)]
    outcomes += [Planned("/in/x.mp4", "/library/_Review/x.mp4", state="review"), Planned("/in/y.mp4", state="failed")]
    script = Script([])
    script.show(draft_trial.tree_of_outcomes(outcomes, library, [("sea",)]))
    lines = script.shown[0].splitlines()
    assert "… and 12 more" in script.shown[0]
    folders = [line.lstrip("├└─│ ") for line in lines if line.startswith(("├── ", "└── "))]
    assert ["sea", "_Review", "would stay where they are"] == folders


def test_missing_folders_are_made_only_on_a_yes() -> None:
    settings = check_draft(ConfigDraft("~/in", "~/out", rules={("a",): ()})).settings_or_raise()
    script = Script(["maybe", "n"])
    assert [] == missing_folders(script, settings)
    assert "~/in and ~/out are not there yet. Make them? (y, n)" == script.asked[-1]
    assert [Path.home() / "in", Path.home() / "out"] == missing_folders(Script([""]), settings)
    Path.home().joinpath("in").mkdir()
    script = Script(["y"])
    assert [Path.home() / "out"] == missing_folders(script, settings)
    assert ["There is no folder ~/out yet. Make it? (y, n)"] == script.asked
    Path.home().joinpath("out").mkdir()
    assert [] == missing_folders(Script([]), settings)


def test_a_handful_comes_from_all_over() -> None:
    paths = [Path(str(number)) for number in range(100)]
    assert ["0", "20", "40", "60", "80"] == [str(path) for path in spread(paths, 5)]
    assert paths[:3] == spread(paths[:3], 5)
