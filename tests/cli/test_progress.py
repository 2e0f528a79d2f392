"""What is shown on stderr while something takes long."""

from __future__ import annotations

import contextlib
import io
import sys

import pytest

from tests.support.waiting import until
from vsortd.cli.common import progress_bar, waiting
from vsortd.cli.progress import progress_line
from vsortd.core.activity import busy_with, current_activity


class Screen(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Put a terminal in stderr's place: within the test, since pytest has put its own there before."""
    monkeypatch.setenv("TERM", "xterm-256color")
    one = Screen()
    monkeypatch.setattr(sys, "stderr", one)
    return one


def test_progress_shows_on_stderr_whatever_stdout_is(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = terminal(monkeypatch)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with progress_bar("looking") as on_progress:
        assert on_progress is not None
        on_progress(3, 10)
        until(lambda: "3/10" in screen.getvalue(), what="the bar shows itself")
    assert "looking" in screen.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), None])
def test_progress_is_silent_where_stderr_is_no_terminal(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where stderr was closed; a terminal on stdout changes nothing."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "stdout", Screen())
    with progress_bar("looking") as on_progress, waiting("searching"):
        assert on_progress is None


def test_the_line_moves_and_names_the_model_while_it_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the total yet: time passes all the same."""
    screen = terminal(monkeypatch)
    with waiting("looking"), busy_with("loading the model"):
        until(lambda: "loading the model" in screen.getvalue(), what="it is said")
        before = len(screen.getvalue())
        until(lambda: len(screen.getvalue()) > before + 100, what="the line is drawn anew")
    assert "" == current_activity()


def test_what_fails_while_it_is_done_is_done_no_longer() -> None:
    with contextlib.suppress(ValueError), busy_with("loading the model"):
        raise ValueError
    assert "" == current_activity()


def test_a_line_without_a_total_shows_no_count() -> None:
    line = progress_line("looking")
    (task,) = line.tasks
    shown = [str(column(task)) for column in line.columns[3:]]
    assert "" == shown[0]
    assert "0:00:0" in shown[1] or "-:--:--" in shown[1]
    line.update(task.id, completed=1, total=4)
    assert "1/4" == str(line.columns[3](task))
