"""A vision model behind an OpenAI-compatible address: what it is asked, and how its answer is unwrapped."""

from __future__ import annotations

import base64
import json
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from vsortd.core.text import printable
from vsortd.opinion.bounded_http import Caller, NoAnswerError
from vsortd.opinion.server_key import key_of

if TYPE_CHECKING:
    import threading

    from vsortd.config.unsure_options import Unsure
    from vsortd.opinion.bounded_http import Reply
    from vsortd.opinion.question import RuleQuestion

# A sentence and a name take some hundred bytes; a model that thinks aloud some thousand.
ANSWER_BYTES: Final = 65_536
_LIST_BYTES: Final = 4_000_000  # of a server with thousands of models
_TOKENS: Final = 1_024
_SAID_CHARS: Final = 160

# What these say holds for whatever is asked.
_NOT_OF_QUESTION: Final = frozenset({401, 403, 404, 405, 408, 429, 502, 503, 504})
# Refused is the form of what was asked: plainer ones may be understood.
_FORM_REFUSED: Final = frozenset({400, 422, 501})


class VisionServer:
    """The server and model of the config. Its methods raise NoAnswerError, Cancelled; for one thread at a time."""

    def __init__(self, options: Unsure, *, limit_s: float, cancel: threading.Event | None = None) -> None:
        """`limit_s` is for a question with all that is sent for it, and for what else is asked."""
        server = options.server
        assert server is not None
        self.server = server
        self._options = options
        self._limit_s = limit_s
        self._cancel = cancel
        self._caller = self._caller_for(ANSWER_BYTES)
        self._form = 0  # the first of `_forms` that it has not refused

    def ask(self, question: RuleQuestion, picture: bytes, frames: int) -> str:
        """Return what the model says of a JPEG picture of so many frames, as it said it."""
        forms, until_s = self._forms(question, picture, frames), time.monotonic() + self._limit_s
        for number in range(self._form, len(forms)):
            reply = self._call(self._caller, "POST", "/chat/completions", forms[number], until_s)
            if reply.status not in _FORM_REFUSED or number == len(forms) - 1:
                text = _text_of(self._document(reply))
                self._form = number
                return text
        raise AssertionError("unreachable")

    def models(self) -> list[str]:
        """Return the names of the models that the server has."""
        found = self._document(self._call(self._caller_for(_LIST_BYTES), "GET", "/models")).get("data")
        names = [one.get("id") for one in found if isinstance(one, dict)] if isinstance(found, list) else None
        if names is None:
            raise NoAnswerError("it does not say which models it has")
        return [name for name in names if isinstance(name, str)]

    def addresses(self) -> list[str]:
        """Return the IP addresses that the server's name stands for, every one of it checked."""
        return self._caller.addresses()

    def _forms(self, question: RuleQuestion, picture: bytes, frames: int) -> list[dict[str, Any]]:
        """Return the question as it is best understood, then plainer and plainer: not every server takes all of it."""
        url = f"data:image/jpeg;base64,{base64.b64encode(picture).decode('ascii')}"
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": question.text(frames)},
        ]
        plain = {"model": self._options.model, "messages": [{"role": "user", "content": content}]}
        limited = {**plain, "temperature": 0, "max_tokens": _TOKENS, "stream": False}
        schema = {"name": "answer", "strict": True, "schema": question.schema()}
        return [{**limited, "response_format": {"type": "json_schema", "json_schema": schema}}, limited, plain]

    def _caller_for(self, most_bytes: int) -> Caller:
        return Caller(self.server, self._limit_s, most_bytes, anywhere=self._options.anywhere, cancel=self._cancel)

    def _call(
        self, caller: Caller, method: str, path: str, body: dict[str, Any] | None = None, until_s: float | None = None
    ) -> Reply:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key := key_of(self._options):
            headers["Authorization"] = f"Bearer {key}"
        data = b"" if body is None else json.dumps(body).encode("ascii")
        return caller.call(method, path, headers, data, until_s=until_s)

    def _document(self, reply: Reply) -> dict[str, Any]:
        """Return the JSON object of an answer that went well."""
        if reply.status != HTTPStatus.OK:
            of_question = reply.status not in _NOT_OF_QUESTION
            raise NoAnswerError(f"it answers {reply.status}{self._complaint(reply)}", of_question=of_question)
        if reply.content_type not in {"application/json", ""}:
            raise NoAnswerError(f"its answer is {reply.content_type[:_SAID_CHARS]}, no JSON")
        document = _json(reply.body)
        if not isinstance(document, dict):
            raise NoAnswerError("its answer is no JSON of the kind that was asked for", of_question=True)
        return document

    def _complaint(self, reply: Reply) -> str:
        """Return what the server says went wrong, as `: …`, without the key; "" where it says nothing."""
        found = _json(reply.body)
        said = found.get("error") if isinstance(found, dict) else None
        said = said.get("message") if isinstance(said, dict) else said
        if not isinstance(said, str) or not said.strip():
            return ""
        key = key_of(self._options)
        said = printable(" ".join((said.replace(key, "***") if key else said).split()))
        return f": {said if len(said) <= _SAID_CHARS else said[: _SAID_CHARS - 1] + '…'}"


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text_of(document: dict[str, Any]) -> str:
    """Return the text of a chat's answer. Raises NoAnswerError where there is none of that form."""
    choices = document.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(message, dict):
        raise NoAnswerError("its answer holds nothing that a model said", of_question=True)
    content = message.get("content")
    return content if isinstance(content, str) else ""
