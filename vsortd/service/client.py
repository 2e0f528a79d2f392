"""The other side of the control API; commands start quickly: what speaks HTTP is imported once there is a daemon."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from vsortd.core.interrupted_waits import ended_by_interrupt
from vsortd.core.text import storable
from vsortd.errors import ConfigError, DaemonUnreachableError, UsageError, VsortdError

if TYPE_CHECKING:
    import http.client
    import socket
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vsortd.core.documents import (
        Event,
        ItemDocument,
        LessonDocument,
        OutcomeDocument,
        PreviewAnswerDocument,
        ReleaseDocument,
        ReloadDocument,
        SearchDocument,
        SearchRequestDocument,
        StatusDocument,
        UndoDocument,
    )
    from vsortd.filing.release import ReleaseVerb

SOCKET_NAME = "control.sock"
TOKEN_NAME = "control.json"  # noqa: S105 - a file's name. Port and token, where the daemon listens on loopback
TIMEOUT_S = 5.0
EMBED_TIMEOUT_S = 60.0  # a batch or two of a large model on a busy processor; then a model of one's own is quicker
WORK_TIMEOUT_S = 3600.0  # many files are put back, or the prompts of a large rule set embedded meanwhile
EVENTS_TIMEOUT_S = 75.0  # the daemon says something every half minute


class Client:
    """Talks to the daemon of a state folder.

    Every call raises DaemonUnreachableError when none answers, and the error (of the kind that its exit code tells)
    with which the daemon refuses.
    """

    def __init__(self, state_folder: Path) -> None:
        self._path = state_folder / SOCKET_NAME
        self._token_path = state_folder / TOKEN_NAME

    def status(self) -> StatusDocument:
        """Return the daemon's status."""
        return self._status("GET", "/v1/status")

    def health(self) -> list[str]:
        """Return what keeps the daemon from its work; [] when all is well."""
        return list(self._call("GET", "/v1/health")["trouble"])

    def way_in(self) -> str:
        """Return the address that lets one browser in to the page, once."""
        return str(self._call("POST", "/v1/way_in")["address"])

    def metrics(self) -> str:
        """Return the daemon's numbers in Prometheus' text form."""
        with self._answer("GET", "/v1/metrics") as response:
            return response.read().decode()

    def history(self, *, last: int | None = None, since: float | None = None, **more: str | None) -> list[ItemDocument]:
        """Return the items of `history --json`, newest first; `more` as the API's `HistoryRequest` has it."""
        wanted = {"last": last, "since": since, **{name: value and storable(value) for name, value in more.items()}}
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        return list(self._call("GET", f"/v1/history?{query}", timeout_s=WORK_TIMEOUT_S)["items"])

    def pause(self, *, inbox: Path | None = None, for_s: float | None = None) -> StatusDocument:
        """Begin no more videos, of one inbox or of all; return the status."""
        return self._status("POST", "/v1/pause", {"inbox": _text(inbox), "for_s": for_s})

    def resume(self, *, inbox: Path | None = None) -> StatusDocument:
        """End the pause of one inbox, or every pause; return the status."""
        return self._status("POST", "/v1/resume", {"inbox": _text(inbox)})

    def undo(self, ids: Sequence[int] = (), *, dry_run: bool = False, **selection: Any) -> UndoDocument:  # noqa: ANN401
        """Take filings back: these ids, or what `last`, `since`, `batch` or `all` select; return undone and refused."""
        body = {"ids": list(ids), "dry_run": dry_run, **selection}
        report: UndoDocument = self._call("POST", "/v1/undo", body, timeout_s=WORK_TIMEOUT_S)
        return report

    def nowhere(self, number: int) -> LessonDocument:
        """Say that an item that waits for review belongs nowhere; return what was learned of it."""
        lesson: LessonDocument = self._call("POST", "/v1/nowhere", {"id": number}, timeout_s=WORK_TIMEOUT_S)
        return lesson

    def set_aside(self, path: Path, *, keep: Path | None = None, batch: str = "") -> ItemDocument:
        """Have a video set aside, for one that is kept if there is such; return its new item."""
        body = {"path": os.fspath(path), "keep": _text(keep), "batch": batch or None}
        item: ItemDocument = self._call("POST", "/v1/set_aside", body, timeout_s=WORK_TIMEOUT_S)
        return item

    def release_or_retry(self, verb: ReleaseVerb, which: Sequence[str], *, everything: bool) -> ReleaseDocument:
        """Release holds or retry refusals, by ids or absolute paths; returns freed and refused."""
        body = {"which": list(which), "all": everything}
        report: ReleaseDocument = self._call("POST", f"/v1/{verb}", body, timeout_s=WORK_TIMEOUT_S)
        return report

    def sort(
        self,
        paths: Sequence[Path],
        config: str,
        on_progress: Callable[[int, int], None] | None = None,
        ticket: str = "",
    ) -> list[OutcomeDocument] | None:
        """Have files sorted now; returns their outcomes, or None where the daemon works by another config.

        `ticket` is what `stop_sorting` may call it off with.
        """
        body = {"paths": [os.fspath(path) for path in paths], "config": config, "ticket": ticket or None}
        said = self._told("/v1/sort", body, on_progress)
        return None if "other_config" in said else list(said["outcomes"])

    def preview_rules(
        self, path: Path, text: str, config: str, *, look: bool, on_progress: Callable[[int, int], None] | None = None
    ) -> PreviewAnswerDocument | None:
        """Return what the rules of a config would change of all that is filed; None where the daemon can't tell.

        `config` is the fingerprint of what was read at `path`; with `look` it looks at videos of which too little is
        kept. Who hangs up ends the daemon's work.
        """
        body = {"path": os.fspath(path), "text": text, "config": config, "look": look}
        said = self._told("/v1/preview_rules", body, on_progress)
        found: PreviewAnswerDocument | None = None if "other_config" in said else said["preview"]
        return found

    def _told(
        self, path: str, body: Mapping[str, Any], on_progress: Callable[[int, int], None] | None
    ) -> dict[str, Any]:
        """Return the last line of an answer that begins with the steps of long work. Raises the error that it tells."""
        with self._answer("POST", path, body, timeout_s=None) as response:
            for line in response:
                said: dict[str, Any] = json.loads(line)
                if "error" in said:
                    raise _error(said)
                if "done" not in said:
                    return said
                if on_progress is not None:
                    on_progress(said["done"], said["total"])
        raise self._unreachable(asked=True)

    def stop_sorting(self, ticket: str) -> None:
        """Call off the sort with this ticket: it answers soon, with what was done."""
        self._call("POST", "/v1/stop_sorting", {"ticket": ticket})

    def search(self, request: SearchRequestDocument, config: str) -> SearchDocument | None:
        """Return what `Searcher.answer` of the library does, or None where the daemon works by another config."""
        found = self._call("POST", "/v1/search", {**request, "config": config}, timeout_s=WORK_TIMEOUT_S)
        answer: SearchDocument | None = None if "other_config" in found else found
        return answer

    def lend_model(self, name: str, weights: str = "", *, sound: bool = False) -> dict[str, Any] | None:
        """Return what is said of a model that the daemon has and lends (`ModelInfo`), None where it has another."""
        body = {"name": name, "weights": weights or None, "sound": sound}
        answer = self._call("POST", "/v1/lend_model", body, timeout_s=WORK_TIMEOUT_S)
        model: dict[str, Any] | None = answer.get("model")
        return model

    def embed_pictures(self, key: str, pixels: memoryview) -> bytes:
        """Return the vectors of pictures by the lent model of a key; see `service.lending` for the bytes."""
        return self._embedded(f"/v1/embed_pictures?{urlencode({'model': key})}", pixels)

    def embed_windows(self, key: str, samples: memoryview) -> bytes:
        """Return the vectors of windows of sound by the lent model of a key; see `service.lending` for the bytes."""
        return self._embedded(f"/v1/embed_windows?{urlencode({'model': key})}", samples)

    def embed_texts(self, key: str, texts: Sequence[str], *, sound: bool = False) -> bytes:
        """Return the vectors of texts by the lent model of a key; see `service.lending` for the bytes."""
        return self._embedded("/v1/embed_texts", {"model": key, "texts": list(texts), "sound": sound})

    def _embedded(self, path: str, body: Mapping[str, Any] | memoryview) -> bytes:
        from http import HTTPStatus

        with self._answer("POST", path, body, timeout_s=EMBED_TIMEOUT_S) as response:
            if response.status != HTTPStatus.OK:
                raise self._unreachable(asked=True)
            return response.read()

    def events(self) -> Iterator[Event]:
        """Yield what happens: "status" at once and when it has changed, "item" for each video that ended, "ping".

        Ends with DaemonUnreachableError when the daemon is gone.
        """
        name = ""
        with self._answer("GET", "/v1/events", timeout_s=EVENTS_TIMEOUT_S) as response:
            for line in response:
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    event: Any = {"event": name, "data": json.loads(value)}
                    yield event
        raise self._unreachable()

    def scan(self) -> None:
        """Ask for a scan now."""
        self._call("POST", "/v1/scan")

    def reload(self) -> ReloadDocument:
        """Have the daemon read its config anew; return what changed and is tried again.

        Raises VsortdError with its reason to refuse.
        """
        try:
            answer = self._call("POST", "/v1/reload", timeout_s=WORK_TIMEOUT_S)
        except DaemonUnreachableError:
            raise
        except VsortdError as error:
            error.remedy = f"{error.remedy} The daemon goes on with the config it had.".strip()
            raise
        return {"changed": list(answer["changed"]), "retried": list(answer["retried"])}

    def stop(self) -> None:
        """Ask the daemon to end."""
        self._call("POST", "/v1/stop")

    def _status(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> StatusDocument:
        status: StatusDocument = self._call(method, path, body)
        return status

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> Any:  # noqa: ANN401 - what the caller types
        with self._answer(method, path, body, timeout_s=timeout_s) as response:
            document = json.loads(response.read() or b"{}")
        if not isinstance(document, dict):
            raise self._unreachable()
        return document

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | memoryview | None = None,
        *,
        timeout_s: float | None = TIMEOUT_S,
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the daemon's answer to a request; what goes wrong on the way is the daemon's absence."""
        connection, headers = self._connection(timeout_s)
        from http import HTTPStatus
        from http.client import HTTPException

        asked = False
        try:
            connection.connect()
            asked = True
            raw = body if body is None or isinstance(body, memoryview) else json.dumps(body).encode()
            with ended_by_interrupt(partial(_cut, connection.sock)):
                connection.request(method, path, raw, headers)
                response = connection.getresponse()
            if response.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                raise _error(json.loads(response.read()))
            if response.status not in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}:
                raise self._unreachable()
            yield response
        except (OSError, HTTPException, ValueError, LookupError) as error:
            raise self._unreachable(asked=asked) from error
        finally:
            connection.close()

    def _connection(self, timeout_s: float | None) -> tuple[http.client.HTTPConnection, dict[str, str]]:
        # a folder that can't be looked into holds no socket for us; Path.exists would raise
        if sys.platform != "win32" and os.path.exists(self._path):  # noqa: PTH110
            from vsortd.service.local_connection import UnixConnection

            return UnixConnection(self._path, timeout_s), {}
        try:
            known = json.loads(self._token_path.read_text("utf-8"))
            port, token = int(known["port"]), str(known["token"])
            if not 0 < port < 1 << 16:
                raise ValueError("no port")  # noqa: TRY301 - all that is wrong with the file ends in one place
        except (OSError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise self._unreachable() from error
        from http.client import HTTPConnection

        connection = HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        return connection, {"Authorization": f"Bearer {token}"}

    def _unreachable(self, *, asked: bool = False) -> DaemonUnreachableError:
        if asked:
            ended = DaemonUnreachableError(
                f"The daemon on {self._path.parent} ended before its answer was in.",
                remedy="`vsortd history` says what it has done; `vsortd status` whether one runs.",
                paths=[self._path],
            )
            ended.asked = True
            return ended
        return DaemonUnreachableError(
            f"No daemon answers on {self._path.parent}.",
            remedy="Start one with `vsortd run`.",
            paths=[self._path],
        )


def _cut(connection: socket.socket) -> None:
    """End what is sent and waited for on a connection, whichever thread does; it meets the end of the stream."""
    import socket

    with contextlib.suppress(OSError):  # the daemon has ended it already
        connection.shutdown(socket.SHUT_RDWR)


def _error(said: Mapping[str, Any]) -> VsortdError:
    """Return the error that the daemon tells of, of the kind that its exit code stands for."""
    kinds: dict[int, type[VsortdError]] = {int(kind.exit_code): kind for kind in (ConfigError, UsageError)}
    return kinds.get(said["exit_code"], VsortdError)(
        said["error"], details=said.get("details", ()), remedy=said["remedy"]
    )


def _text(path: Path | None) -> str | None:
    return None if path is None else os.fspath(path)
