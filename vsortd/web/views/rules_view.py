"""Rules: the tree and its YAML to edit, what that would change of all that is filed, saving it, and re-filing."""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.routing import Route

from vsortd.config.dump import fingerprint
from vsortd.core.names import nfc
from vsortd.core.outcomes import PLACED, ItemState
from vsortd.core.text import counted
from vsortd.errors import Cancelled, UsageError, VsortdError
from vsortd.filing.queries import rule_counts
from vsortd.setup.config_files import former_text, read_config_text, save_config_text
from vsortd.web.access import SESSION
from vsortd.web.editing import difference
from vsortd.web.page import is_fragment, item_id
from vsortd.web.plain_numbers import whole_number
from vsortd.web.rule_choice import insist_on_some
from vsortd.web.rule_draft import RuleDraft, posted_draft, read_at
from vsortd.web.rule_previews import RulePreviews, ShownPreview
from vsortd.web.views.settings_view import said_of_reload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.requests import Request
    from starlette.responses import Response

    from vsortd.config.settings import Settings
    from vsortd.pipeline.batch import SortOutcome
    from vsortd.pipeline.rules_preview import PreviewItem
    from vsortd.setup.config_files import ConfigText
    from vsortd.web.page import Page, Posted
    from vsortd.web.page_jobs import PageJob

_HERE: Final = "/rules"
_ROWS: Final = 40
_SHOWN_PLAN: Final = 50


def routes(page: Page) -> list[Route]:
    """Return the addresses of this view."""
    view = _RulesView(page)
    refiling = _Refiling(page, view.previews)
    return [
        Route(_HERE, page.shown(view.show)),
        Route(_HERE, page.action(view.save), methods=["POST"]),
        Route(f"{_HERE}/draft", page.action(view.draft), methods=["POST"]),
        Route(f"{_HERE}/preview", page.action(view.preview), methods=["POST"]),
        Route(f"{_HERE}/changes", page.shown(view.changes)),
        Route(f"{_HERE}/look", page.action(view.look_again), methods=["POST"]),
        Route(f"{_HERE}/former", page.action(view.take_former), methods=["POST"]),
        Route(f"{_HERE}/refile", page.shown(refiling.ask)),
        Route(f"{_HERE}/refile", page.action(refiling.begin), methods=["POST"]),
    ]


class _RulesView:
    def __init__(self, page: Page) -> None:
        self._page = page
        self.previews = RulePreviews()

    @property
    def _path(self) -> Path:
        path = self._page.host.config_path
        if path is None:
            raise UsageError("These rules come from no file, so there is none to edit.")
        return path

    def show(self, request: Request) -> Response:
        now = read_config_text(self._path)
        draft = RuleDraft.of_key(self._path, now.text, request.query_params.get("rule", ""))
        self._page.host.remember_filed()
        return self._show(request, draft, now=now)

    def _show(
        self,
        request: Request,
        draft: RuleDraft,
        etag: str = "",
        problem: str = "",
        shown: ShownPreview | None = None,
        *,
        now: ConfigText | None = None,
    ) -> Response:
        """Show a draft; `etag` is of the file that it began with, `problem` why something was not done.

        `now` is the file, if it was read already.
        """
        now = now or read_config_text(self._path)
        theirs = now.text if etag and etag != now.etag else ""
        former = former_text(self._path)
        return self._page.render(
            request,
            "rules.html",
            HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK,
            **draft.values(),
            path=self._path,
            etag=now.etag,
            problem=problem,
            theirs=theirs,
            difference=difference(theirs, draft.edited.text) if theirs else "",
            former=former is not None and former != now.text,
            changed=draft.edited.text != now.text,
            counts=self._counts(),
            **self._values_of(shown, request),
        )

    def _counts(self) -> dict[str, Counter[str]]:
        """Return how many videos are filed and in review under each rule, and how many corrections name it."""
        services = self._page.host.services
        found = {what: Counter[str]() for what in ("filed", "review", "corrections")}
        for (rule, state), count in rule_counts(services.journal.db).items():
            found["filed" if state is ItemState.FILED else "review"][nfc(rule)] += count
        found["corrections"].update(nfc(one.rule) for one in services.examples.all() if one.active and not one.none)
        return found

    def _values_of(self, shown: ShownPreview | None, request: Request) -> dict[str, Any]:
        """Return what the templates need of a preview, and of what is chosen to be looked at of it."""
        if shown is None:
            return {"preview": None, "uncertain": "", "refiles": False}
        query = request.query_params
        outcome, rule = query.get("outcome", ""), query.get("about", "")
        found = shown.items(outcome, rule)
        first = whole_number(query.get("begin") or "0", 0, len(shown.found.items), what="begin")
        more = ""
        if len(found) > first + _ROWS:
            wanted = {"of": shown.id, "outcome": outcome, "about": rule, "begin": first + _ROWS}
            more = f"{_HERE}/changes?{urlencode(wanted)}"
        return {
            "preview": shown,
            "outcome": outcome,
            "about": rule,
            "found": len(found),
            "items": found[first : first + _ROWS],
            "more": more,
            "uncertain": "",
            "refiles": shown.config == fingerprint(self._page.host.services.settings),
        }

    def draft(self, request: Request, posted: Posted) -> Response:
        """Take in what was changed, and show what it comes to; nothing is written."""
        self.previews.stop(_session(request))
        draft = posted_draft(self._path, posted)
        if is_fragment(request):
            return self._page.render(
                request, "_rules_parts.html", **draft.values(), counts=self._counts(), changed=True
            )
        return self._show(request, draft, posted.one("etag"))

    def preview(self, request: Request, posted: Posted) -> Response:
        """Say what a text would change."""
        draft = posted_draft(self._path, posted)
        uncertain, shown = "", None
        try:
            settings = self._previewable(draft)
            shown = self.previews.make(_session(request), self._page.host, settings)
        except Cancelled:
            uncertain = "The text was changed meanwhile."
        except VsortdError as error:
            uncertain = f"{error.title} {error.remedy}".strip()
        if is_fragment(request):
            values = {**self._values_of(shown, request), "uncertain": uncertain}
            return self._page.render(request, "_rules_preview.html", **values)
        return self._show(request, draft, posted.one("etag"), uncertain, shown)

    def _previewable(self, draft: RuleDraft) -> Settings:
        """Return a draft's settings if what is kept can tell of them. Raises UsageError."""
        settings, before = draft.edited.settings, self._page.host.services.settings
        if settings is None:
            raise UsageError("What it would change is shown once the text has no mistakes.")
        if (settings.model, settings.sound_model) != (before.model, before.sound_model):
            raise UsageError("The text names another model: nothing that is filed was looked at with it yet.")
        return settings

    def changes(self, request: Request) -> Response:
        """Show what a filter leaves of a preview, or the next rows of it."""
        shown = self.previews.get(_session(request), request.query_params.get("of", ""))
        if is_fragment(request):
            return self._page.render(request, "_rules_changes.html", **self._values_of(shown, request))
        now = read_config_text(self._path)
        return self._show(request, RuleDraft.of(self._path, now.text), shown=shown, now=now)

    def look_again(self, request: Request, posted: Posted) -> Response:
        """Begin to look at the videos of which a preview can't tell."""
        session, host, alone = _session(request), self._page.host, is_fragment(request)
        shown = self.previews.get(session, posted.one("of"))
        if not shown.uncertain:
            raise UsageError("No video of this preview is uncertain.")

        def run(job: PageJob) -> tuple[str, str]:
            said, address = self.previews.look_again(session, shown.id, host, job)
            return said, "" if alone else address  # a script asks for the preview anew

        title = f"Looking again at {counted(shown.uncertain, 'video')}"
        job = self._page.jobs.start(title, run, alone=("look again", shown.id))
        return self._page.begun(request, job)

    def save(self, request: Request, posted: Posted) -> Response:
        """Write a text that has no mistakes, and have the daemon work by it; what is filed stays where it is."""
        draft = posted_draft(self._path, posted)
        if draft.edited.settings is None:
            return self._show(request, draft, posted.one("etag"), "It was not saved: it has mistakes.")
        try:
            save_config_text(self._path, draft.edited.text, posted.one("etag"))
        except VsortdError as error:
            return self._show(request, draft, posted.one("etag"), f"{error.title} {error.remedy}")
        said = f"Saved. {self._reloaded()} What is filed lies where it lay: re-file below what you want elsewhere."
        return self._page.done(request, said, _address(draft))

    def take_former(self, request: Request, posted: Posted) -> Response:
        """Put the former text in the config's place; this one is the former then."""
        former = former_text(self._path)
        if former is None:
            raise UsageError("There is no former text of the config.")
        draft = RuleDraft.of(self._path, former, read_at(posted.one("at")))
        if draft.edited.settings is None:
            return self._show(request, draft, "", "The former text has mistakes: mend it, and save it.")
        save_config_text(self._path, former, posted.one("etag"))
        return self._page.done(request, f"The former config holds again. {self._reloaded()}", _address(draft))

    def _reloaded(self) -> str:
        """Have the daemon read the config; say what came of it."""
        try:
            return said_of_reload(self._page.host.reload())
        except VsortdError as error:
            return f"vsortd goes on with the rules it had: {error}"


def _address(draft: RuleDraft) -> str:
    row = draft.row
    return _HERE if row is None else f"{_HERE}?{urlencode({'rule': row.key})}"


def _session(request: Request) -> bytes:
    token: bytes = request.scope["state"][SESSION].token_hash
    return token


class _Refiling:
    """Moving what a preview of the rules in effect names, once the list was seen."""

    def __init__(self, page: Page, previews: RulePreviews) -> None:
        self._page = page
        self._previews = previews

    def ask(self, request: Request) -> Response:
        """Show what would move where, before it does."""
        query = request.query_params
        of, ids = query.get("of", ""), query.getlist("id")
        if query.get("chosen"):
            insist_on_some(ids)
        chosen = self._chosen(request, of, ids)
        return self._page.render(
            request,
            "rules_refile.html",
            items=chosen[:_SHOWN_PLAN],
            count=len(chosen),
            of=of,
            ids=ids,
        )

    def _chosen(self, request: Request, of: str, ids: Sequence[str]) -> list[PreviewItem]:
        """Return the videos that are meant, all that would move where none is named. Raises UsageError."""
        shown = self._previews.get(_session(request), of)
        if shown.config != fingerprint(self._page.host.services.settings):
            raise UsageError(
                "These are not the rules in effect.", remedy="Save them first, or look at Rules once more."
            )
        wanted = set(map(item_id, ids))
        chosen = [one for one in shown.items() if not wanted or one.id in wanted]
        if not chosen:
            raise UsageError("No video of this preview is chosen that would move.")
        return chosen

    def begin(self, request: Request, posted: Posted) -> Response:
        """Begin to move them."""
        chosen = self._chosen(request, posted.one("of"), posted.all("id"))

        def run(job: PageJob) -> tuple[str, str]:
            outcomes = self._page.host.refile(chosen, job.count, job.cancel)
            return said_of_refiling(outcomes), _way_back(outcomes)

        key = ("re-file", frozenset(one.id for one in chosen))
        job = self._page.jobs.start(f"Re-filing {counted(len(chosen), 'video')}", run, alone=key)
        job.link = "Undo"
        return self._page.begun(request, job)


def said_of_refiling(outcomes: Sequence[SortOutcome]) -> str:
    """Say what became of videos that were to be re-filed."""
    moved = [one for one in outcomes if one.state in PLACED]
    parts = [f"{counted(len(moved), 'video')} re-filed."]
    if left := [one for one in outcomes if one.state not in PLACED]:
        parts.append(f"{counted(len(left), 'video')} not: {left[0].reason}.")
    return " ".join(parts)


def _way_back(outcomes: Sequence[SortOutcome]) -> str:
    """Return where a batch is undone, "" where nothing was moved."""
    batch = next((one.batch for one in outcomes if one.state in PLACED), "")
    return f"/undo?{urlencode({'batch': batch, 'back': _HERE})}" if batch else ""
