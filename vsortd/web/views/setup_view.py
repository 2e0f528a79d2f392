"""The setup: the questions of a first config, trying it, and saving it; or the mistakes of one that is there.

The one place where paths come from the browser: here the person says where their folders are, as at the terminal, and
there is nothing yet that they could be looked up in. It is there for who is logged in, until there is a config.
"""

from __future__ import annotations

import re
import shutil
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import RedirectResponse
from starlette.routing import Route

from vsortd.config.draft import check_draft, walk
from vsortd.core.home import with_tilde
from vsortd.errors import Cancelled, ConfigError, UsageError, VsortdError
from vsortd.setup.answers import folders_to_make
from vsortd.setup.config_files import read_config_text, save_config_text
from vsortd.setup.first_config import STEPS, foresee, videos_to_try
from vsortd.setup.folder_completion import folders_like
from vsortd.setup.new_config import make_folder, write_new_config
from vsortd.setup.questions import About, download_sizes
from vsortd.setup.trial_videos import downloads_model, videos_of_inbox
from vsortd.web.editing import EditedText, posted_text
from vsortd.web.page import is_fragment
from vsortd.web.setup_first import SETUP

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.config.settings import Settings
    from vsortd.setup.first_config import FirstConfig, SetupStep
    from vsortd.setup.questions import Question
    from vsortd.web.host import SetupHost
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

_LOOK: Final = f"{SETUP}?step=look"
_FOLDERS: Final = re.compile(r"library|inboxes\[\d+\]\.path")  # what is missing of them is offered to be made
_MOST_FOLDERS: Final = 40  # offered at once
# The daemon is there within a second or so; a browser that asks waits for it so long, seconds.
_PATIENCE_S: Final = 10.0
_TICK_S: Final = 0.05


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _Setup(page)
    return [
        Route(SETUP, page.shown(view.show)),
        Route(f"{SETUP}/folders", page.shown(view.folders)),
        Route(f"{SETUP}/begins", page.shown(view.begins)),
        Route(f"{SETUP}/check", page.action(view.check), methods=["POST"]),
        Route(f"{SETUP}/try", page.action(view.try_out), methods=["POST"]),
        Route(f"{SETUP}/save", page.action(view.save), methods=["POST"]),
        Route(f"{SETUP}/mend", page.action(view.mend), methods=["POST"]),
        Route(f"{SETUP}/steps/{{name}}", page.action(view.answer), methods=["POST"]),
    ]


class _Setup:
    def __init__(self, page: Page) -> None:
        self._page = page
        self._job = ""  # the newest trial

    @property
    def _host(self) -> SetupHost:
        if self._page.setup is None:
            raise UsageError("The config is written already.", remedy="Load the page anew.")
        return self._page.setup

    @property
    def _first(self) -> FirstConfig:
        return self._host.first

    def show(self, request: Request) -> Response:
        if self._host.settings is not None:
            return self._page.render(request, "setup_begins.html")
        if self._host.broken:
            return self._mending(request)
        wanted = request.query_params.get("step", "")
        reached = self._first.reached()
        if wanted == "look" and reached is None:
            return self._looking(request)
        step = next((step for step in STEPS if step.name == wanted), reached or STEPS[0])
        if reached is not None and STEPS.index(step) > STEPS.index(reached):
            step = reached
        return self._asking(request, step)

    def folders(self, request: Request) -> Response:
        """Offer the folders that begin like what was typed."""
        found = folders_like(request.query_params.get("begin", ""))[:_MOST_FOLDERS]
        return self._page.render(request, "_folders.html", folders=[one.rstrip("/") for one in found])

    def answer(self, request: Request, posted: Posted) -> Response:
        """Take the answers of one step, and go on to the next."""
        step = next((step for step in STEPS if step.name == request.path_params["name"]), None)
        if step is None:
            raise UsageError("There is no such question.", remedy="Load the page anew.")
        keys = step.keys(self._first.draft)
        given = {key: ", ".join(posted.all(field_name(key, number))) for number, key in enumerate(keys)}
        problems = self._first.answer(given)
        if problems:
            return self._asking(request, step, problems, list(given.values()))
        after = STEPS.index(step) + 1
        to = f"{SETUP}?step={STEPS[after].name}" if after < len(STEPS) else _LOOK
        return RedirectResponse(to, status_code=HTTPStatus.SEE_OTHER)

    def _asking(
        self, request: Request, step: SetupStep, problems: Sequence[str] = (), given: Sequence[str] = ()
    ) -> Response:
        questions = step.questions(self._first.draft)
        fields = [
            _field(question, number, given[number] if number < len(given) else question.default)
            for number, question in enumerate(questions)
        ]
        code = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
        return self._page.render(
            request, "setup.html", code, step=step, steps=STEPS, fields=fields, problems=problems, first=self._first
        )

    def _looking(self, request: Request, edited: EditedText | None = None, problem: str = "") -> Response:
        """Show the config, what is odd in it, and where some videos would go."""
        first = self._first
        edited = (edited or EditedText.checked(self._host.config_path, first.text)).without(_FOLDERS)
        settings = edited.settings or check_draft(first.draft).settings_or_raise()
        code = HTTPStatus.UNPROCESSABLE_ENTITY if problem or edited.mistakes else HTTPStatus.OK
        return self._page.render(
            request,
            "setup_look.html",
            code,
            **edited.values(),
            steps=STEPS,
            first=first,
            rules=list(walk(first.draft.rules)),
            target=self._host.config_path,
            missing=[with_tilde(folder) for folder in folders_to_make(settings)],
            inbox=settings.inboxes[0].path,
            library=settings.library,
            has_own=bool(videos_of_inbox(settings)),
            download=download_sizes()[0] if downloads_model(settings) else "",
            job=self._trial(),
            problem=problem,
        )

    def _trial(self) -> PageJob | None:
        try:
            return self._page.jobs.get(self._job)
        except UsageError:
            return None

    def _mending(
        self, request: Request, edited: EditedText | None = None, etag: str = "", problem: str = ""
    ) -> Response:
        """Show the mistakes of the config that is there, to mend them."""
        path = self._host.config_path
        now = read_config_text(path)
        edited = edited or EditedText.checked(path, now.text)
        theirs = now.text if etag and etag != now.etag else ""
        code = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
        return self._page.render(
            request, "mend.html", code, **edited.values(), target=path, etag=now.etag, theirs=theirs, problem=problem
        )

    def check(self, request: Request, posted: Posted) -> Response:
        """Say what is wrong with a text; nothing is written."""
        edited = EditedText.checked(self._host.config_path, posted_text(posted))
        if is_fragment(request):
            return self._page.render(request, "_checked.html", **edited.values())
        if self._host.broken:
            return self._mending(request, edited, posted.one("etag"))
        self._first.text = edited.text
        return self._looking(request, edited)

    def try_out(self, request: Request, posted: Posted) -> Response:
        """Begin to say where some videos would go by the text as it is."""
        self._first.text = posted_text(posted)
        edited = EditedText.checked(self._host.config_path, self._first.text)
        if edited.settings is None:
            return self._looking(request, edited)
        settings, first = edited.settings, self._first
        videos, own = videos_to_try(settings, self._host.tools.clips)

        def run(job: PageJob) -> tuple[str, str]:
            found = foresee(settings, videos, on_progress=job.count, cancel=job.cancel)
            if job.cancel.is_set():
                raise Cancelled
            first.tried = found
            return "That is where they would go. Nothing was moved.", f"{_LOOK}&tried={job.id}#trial"

        what = "of your videos" if own else "of the clips that come with vsortd"
        self._job = self._page.jobs.start(f"Looking at {len(videos)} {what}", run, alone=("trial", edited.text)).id
        return RedirectResponse(f"{_LOOK}#trial", status_code=HTTPStatus.SEE_OTHER)

    def save(self, request: Request, posted: Posted) -> Response:
        """Write the config and have the daemon begin."""
        if self._host.settings is not None:  # pressed twice
            return _on_to_live()
        self._first.text = posted_text(posted)
        edited = EditedText.checked(self._host.config_path, self._first.text)
        if edited.settings is None:
            return self._looking(request, edited)
        settings = edited.settings
        try:
            if posted.one("make"):
                for folder in folders_to_make(settings):
                    _make(folder)
            write_new_config(self._host.config_path, edited.text, force=False)
            if posted.one("clip"):
                self._put_clip(settings)
        except VsortdError as error:
            return self._looking(request, edited, error.title)
        return self._begin(request, settings)

    def _put_clip(self, settings: Settings) -> None:
        """Put the first clip of the package into the inbox, over nothing that is there."""
        clip, inbox = self._host.tools.clips()[0], settings.inboxes[0].path
        to = inbox / clip.name
        if inbox.is_dir() and not to.exists():
            shutil.copyfile(clip, to)

    def mend(self, request: Request, posted: Posted) -> Response:
        """Save a config that had mistakes, once it has none, and have the daemon begin."""
        if self._host.settings is not None:  # pressed twice
            return _on_to_live()
        path = self._host.config_path
        edited = EditedText.checked(path, posted_text(posted))
        if edited.settings is None:
            return self._mending(request, edited, posted.one("etag"), "It was not saved: it still has mistakes.")
        try:
            if edited.text != read_config_text(path).text:
                save_config_text(path, edited.text, posted.one("etag"))
        except ConfigError as error:
            return self._mending(request, edited, posted.one("etag"), f"{error.title} {error.remedy}")
        return self._begin(request, edited.settings)

    def _begin(self, request: Request, settings: Settings) -> Response:
        moves = self._host.moves_to(settings)
        self._host.begin(settings)
        if moves == "":
            return _on_to_live()
        return self._page.render(request, "setup_moved.html", moves=moves)

    def begins(self, request: Request) -> Response:
        """Answer once the daemon stands behind the page."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while self._page.setup is not None and self._page.setup.settings is not None:
            if time.monotonic() > deadline_s:
                return self._page.render(request, "setup_begins.html")
            time.sleep(_TICK_S)
        return RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)


def _on_to_live() -> Response:
    return RedirectResponse(f"{SETUP}/begins", status_code=HTTPStatus.SEE_OTHER)


def field_name(key: tuple[About, tuple[str, ...]], number: int) -> str:
    """Return the name of a question's field in its step's form."""
    return f"{key[0]}-{number}" if key[0] is About.PROMPTS else str(key[0])


def _field(question: Question, number: int, value: str) -> dict[str, Any]:
    """Return a question as the templates show it."""
    return {
        "name": field_name(question.key, number),
        "title": question.title,
        "hints": () if question.choices and question.choices[0][1] else question.hints,
        "value": value,
        "values": [one.strip() for one in value.split(",")],
        "choices": question.choices,
        "several": question.several,
        "folder": question.key[0] in {About.INBOX, About.LIBRARY},
        "rule": "/".join(question.key[1]),
    }


def _make(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise UsageError(f"{folder} can't be made: {error.strerror or error}.", paths=[folder]) from error
