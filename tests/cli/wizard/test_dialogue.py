"""The dialogue of `vsortd config init`, with a script for the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.wizard import END, TOP, Script, interview
from vsortd.cli.wizard.dialogue import Interview, MessageTone
from vsortd.config.draft import ConfigDraft, check_draft, config_yaml
from vsortd.config.load import load_settings
from vsortd.core.resources import resource_folder
from vsortd.setup.answers import completed
from vsortd.setup.questions import join_folders, join_prompts, path_text, split_prompts


def test_answers_become_a_config() -> None:
    draft, script = interview(
        "~/in", "~/out", "s", "nature/forest, city",
        "1 = a forest, snow", "nature/forest", "trees in a wood; a forest", "",
        "portrait, sq", "never",
    )  # fmt: skip
    settings = check_draft(draft).settings_or_raise()
    assert (Path.home() / "in", Path.home() / "out") == (settings.inboxes[0].path, settings.library)
    assert ("sample", ("portrait", "square"), "never") == (
        settings.model,
        settings.accept.orientation,
        settings.convert.mov,
    )
    nature, city = settings.rules
    assert ("a forest", "snow") == nature.prompts
    assert [("forest", ("trees in a wood", "a forest"))] == [(one.name, one.prompts) for one in nature.rules]
    assert ("city", (), ()) == (city.name, city.prompts, city.rules)
    assert "What do videos of nature/forest show?" in script.asked
    assert "1 nature  a forest, snow" in script.shown[-1]


def test_seven_folders_take_seven_questions() -> None:
    """All names stand in one answer, what is looked for stands on one screen, and Enter takes all of it."""
    draft, script = interview("", "", "", "forest/day, forest/night, sea, city, fire, snow", "", "", "")
    assert 7 == len(script.asked) == len(draft.rules)
    (screen,) = script.shown
    assert ["1 forest  forest", "3 night  night", "7 snow  snow"] == [
        line.lstrip("├└─│ ").rstrip() for line in screen.splitlines() if line.lstrip("├└─│ ")[:2] in {"1 ", "3 ", "7 "}
    ]


def test_enter_all_the_way_is_a_sound_config() -> None:
    draft, script = interview("", "", "", "forest, sea", "", "", "")
    assert ["~/Videos/Inbox", "~/Videos/Sorted", "auto"] == script.offered[:3]
    assert () == check_draft(draft).mistakes
    assert ConfigDraft("~/Videos/Inbox", "~/Videos/Sorted", rules={("forest",): (), ("sea",): ()}) == draft


def test_the_file_has_the_comments_of_the_first_example(home: Path) -> None:
    draft, _ = interview(*TOP, "forest", "", *END)
    written = config_yaml(draft)
    example = (resource_folder("config") / "first.yaml").read_text(encoding="utf-8")
    comments = [line for line in example.splitlines() if line.lstrip().startswith("#")]
    assert [] == [line for line in comments if line not in written.splitlines()]
    path = home / "config.yaml"
    path.write_text(written, encoding="utf-8")
    assert ["forest"] == [rule.name for rule in load_settings(path).rules]


def test_b_goes_back_one_question_and_offers_what_was_answered() -> None:
    draft, script = interview(*TOP, "nature/a, city", "a", "words of a", "a", "b", "b", "", "2 = other words", "", *END)
    assert ["a", "words of a"] == script.offered[5:8:2]
    assert "nature/a, city" == script.offered[9]
    assert ("other words",) == draft.rules["nature", "a"]
    first, script = interview("b", "~/in", "b", "", "", "b", "b", "", "", "", "x", "", *END)
    assert "~/in" == first.inbox
    assert "This is the first question." in script.told(MessageTone.QUIET)


def test_folders_that_stay_keep_what_was_said_about_them() -> None:
    draft, _ = interview(*TOP, "a/deep, b", "1 = words", "b", "b, c, a/deep, a", "", *END)
    assert {("b",): (), ("c",): (), ("a",): ("words",), ("a", "deep"): ()} == draft.rules
    assert ["b", "c", "a"] == [rule.name for rule in check_draft(draft).settings_or_raise().rules]
    draft, _ = interview(*TOP, "a/x, a/y", "b", "a", "", *END)
    assert {("a",): ()} == draft.rules


def test_any_depth() -> None:
    names = [f"d{number}" for number in range(40)]
    draft, _ = interview(*TOP, "/".join(names), "", *END)
    assert tuple(names) in draft.rules
    assert () == check_draft(draft).mistakes


@pytest.mark.parametrize("answer", ["a", "a, b/c, b/d/e, b", "b, a/x"])
def test_folders_are_read_as_they_are_offered(answer: str) -> None:
    draft, _ = interview(*TOP, answer, "", *END)
    again, _ = interview(*TOP, join_folders(draft.rules), "", *END)
    assert draft.rules == again.rules


@pytest.mark.parametrize(
    ("given", "why"), [("9", "no folder 9"), ("day", "no folder day"), ("x = words", "no folder x")]
)
def test_a_folder_that_is_none_of_them_is_asked_for_again(given: str, why: str) -> None:
    """Two are called day: neither is taken."""
    draft, script = interview(*TOP, "sea/day, forest/day", given, "", *END)
    assert f"There is {why} above." in script.told(MessageTone.WRONG)
    assert {()} == set(draft.rules.values())
    assert 1 == len(script.shown), "the screen is shown anew only where something has changed"


@pytest.mark.parametrize(
    ("before", "wrong", "why"),
    [
        ((), "Videos", "a relative path"),
        ((), __file__, "is a file, not a folder"),
        (("~/in",), "~/in", "the library is an inbox, too"),
        (("~/in",), "~/in/sorted", "the library lies inside an inbox"),
        (("~/in",), "~", "lies inside the library"),
        (("", ""), "llama", "auto or sample"),
        (TOP, "/", "at least one folder"),
        (TOP, ",", "at least one folder"),
        (TOP, "a, b\\c", '"b\\c": a name is one folder'),
        (TOP, "a/" + "x" * 201, "longer than 200 bytes"),
        (TOP, "Sea, sea", "the same folder on some systems"),
        (TOP, "_review", "the same folder on some systems"),
        ((*TOP, "a"), "1 = " + "x" * 1001, "1,001 characters"),
        ((*TOP, "a", "1"), "bell\x07", "control characters"),
        ((*TOP, "a", ""), "upright", "portrait, landscape, square"),
        ((*TOP, "a", "", ""), "t, r", "never, remux, transcode"),
    ],
)
def test_a_wrong_answer_is_explained_and_asked_again(before: tuple[str, ...], wrong: str, why: str) -> None:
    script = Script([*before, wrong])
    with pytest.raises(EOFError):
        Interview(script).run()
    assert why in "\n".join(script.told(MessageTone.WRONG))
    assert script.asked[-2] == script.asked[-1]


@pytest.mark.parametrize("answer", ["~/Videos", "~/Videos/Sorted", "~/elsewhere/in", "/in", "~"])
def test_the_offered_library_never_overlaps_the_inbox(answer: str) -> None:
    script = Script([answer, ""])
    with pytest.raises(EOFError):
        Interview(script).run()
    assert script.asked[-1].startswith("Which model"), script.told(MessageTone.WRONG)


def test_a_new_inbox_around_the_library_asks_for_the_library_anew() -> None:
    draft, script = interview("~/a", "~/b/c", "b", "b", "~/b", "", "", "x", "", *END)
    assert ("~/b", "~/Videos/Sorted") == (draft.inbox, draft.library)
    assert "~/Videos/Sorted" == script.offered[5]


def test_what_the_sample_model_does_not_know_is_said_at_once() -> None:
    _, script = interview(*TOP, "forest, qwxyz", "forest = a forest, zzyqw", "2", "a giraffe", "", *END)
    told = script.told(MessageTone.WARNING)
    assert ["qwxyz", "forest", "qwxyz"] == [line.partition(":")[0] for line in told]
    assert ['"qwxyz"', '"zzyqw"', '"giraffe"'] == [line.partition("know ")[2].partition(";")[0] for line in told]
    _, script = interview("", "", "auto", "qwxyz", "", *END)
    assert [] == script.told(MessageTone.WARNING)


def test_a_disk_that_changes_meanwhile_leads_back_to_a_question(home: Path) -> None:
    def last() -> str:
        (home / "in").write_bytes(b"")
        return ""

    script = Script(["~/in", "", "", "x", "", "", last, *["b"] * 6, "~/other", *[""] * 6])
    draft = Interview(script).run()
    assert "~/other" == draft.inbox
    assert any("is a file" in line for line in script.told(MessageTone.WRONG))


@pytest.mark.parametrize("prompts", [("a",), ("a", "b"), ("a, b",), ("a, b", "c"), ("день", "夜、星")])
def test_prompts_are_split_as_they_are_joined(prompts: tuple[str, ...]) -> None:
    assert prompts == split_prompts(join_prompts(prompts))


def test_a_path_may_be_dropped_onto_the_terminal() -> None:
    typed = ("'/a b/c'", '"/a b/c"', "/a\\ b/c", "/a/", "~/a", "/")
    assert ["/a b/c", "/a b/c", "/a b/c", "/a", "~/a", "/"] == [path_text(one) for one in typed]


def test_what_is_not_answered_yet_is_stood_in_for() -> None:
    assert () == check_draft(completed(ConfigDraft())).mistakes
