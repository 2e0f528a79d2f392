"""The page's API as a script calls it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.browser import Answer, PageHome


def call(home: PageHome, method: str, path: str, asked: object = None, **headers: str) -> Answer:
    """Send one request as a script does."""
    body = b"" if asked is None else json.dumps(asked).encode()
    return home.ask(path, method, body=body, **{"origin": home.address, "accept": "application/json", **headers})


def said(answer: Answer, status: int = 200) -> Any:
    """Return the JSON of an answer."""
    assert status == answer.status, answer.text[:500]
    return json.loads(answer.body)


def ended(home: PageHome, job: dict[str, Any]) -> dict[str, Any]:
    """Return a job once it has ended."""
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(said(call(home, "GET", f"/v1/jobs/{job['id']}")))
        return found["state"] not in {"waiting", "running"}

    home.home.wait(over, what=f"the job {job['title']} ends")
    return found


def state_of(home: PageHome) -> Any:
    """Return what no refused request may change."""
    files = sorted((str(one), one.stat().st_mtime_ns) for one in home.home.folder.rglob("*.m[po][4v]"))
    return said(call(home, "GET", "/v1/items?limit=1000")), files, home.home.config.read_bytes()
