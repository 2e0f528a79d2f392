"""`vsortd doctor` and `check` say whether a second opinion can be had, and where frames of the videos go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.opinion_server import Behaviour, OpinionServer
from vsortd.config.check import check_file
from vsortd.config.load import load_settings
from vsortd.config.warnings import warnings_of
from vsortd.doctor.finding import Severity
from vsortd.doctor.opinion_checks import second_opinion

if TYPE_CHECKING:
    from pathlib import Path

    from vsortd.doctor.finding import Finding


def config(folder: Path, unsure: str) -> Path:
    path = folder / "vsortd.yaml"
    path.write_text(
        f"version: 2\ninboxes: [{{path: {folder}/in}}]\nlibrary: {folder}/out\nrules: [{{name: a}}]\n{unsure}"
    )
    return path


def found(folder: Path, unsure: str) -> list[Finding]:
    return list(second_opinion(load_settings(config(folder, unsure))))


def test_doctor_asks_for_the_model_and_says_where_frames_go(tmp_path: Path) -> None:
    assert [] == found(tmp_path, "")
    with OpinionServer() as server:
        (well,) = found(tmp_path, server.yaml())  # as `eyes:latest`
        assert (Severity.OK, f"{server.place} has eyes") == (well.level, well.found)
        assert ("frames of undecided videos are shown to it; they stay on this machine",) == well.details
        (missing,) = found(tmp_path, server.yaml().replace("eyes", "lava"))
        assert (Severity.WARN, f"{server.place} has no model lava: did you mean llava?") == (
            missing.level,
            missing.found,
        )
        server.behaviour = Behaviour.UNAUTHORIZED
        (refused,) = found(tmp_path, server.yaml())
        assert Severity.WARN is refused.level
        assert "it answers 401" in refused.found
        assert [] == server.asked  # no picture was sent
    (gone,) = found(tmp_path, server.yaml())
    assert f"none from {server.place}: nobody answers there" in gone.found
    assert "Filing goes on without it." in gone.remedy


def test_check_says_plainly_that_frames_leave_the_machine(tmp_path: Path) -> None:
    def said(unsure: str) -> dict[str, str]:
        warnings = warnings_of(check_file(config(tmp_path, unsure)), lambda _: ())
        return {one.path: one.message for one in warnings if one.path.startswith("unsure")}

    assert {} == said("unsure: {ask: 'http://127.0.0.1:11434/v1', model: m}")
    away = said("unsure: {ask: 'https://eyes.example', model: m, anywhere: true}")
    assert "frames of your undecided videos, and your rules, may leave this machine" in away["unsure.anywhere"]
    assert "sent to eyes.example" in away["unsure.anywhere"]
    assert "most servers answer below /v1" in away["unsure.ask"]
