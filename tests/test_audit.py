"""What `.ci/task audit` says of a report of pip-audit: nothing found is no audit where nothing could be looked up."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SOUND = {"name": "starlette", "version": "1.10.0", "vulns": []}
OWN = {"name": "vsortd", "skip_reason": "Dependency not found on PyPI and could not be audited: vsortd (0.1.0)"}
UNKNOWN = {"name": "pillow", "skip_reason": "Dependency not found on PyPI and could not be audited: pillow (13.0.0)"}
WRONG = {
    "name": "pillow",
    "version": "12.2.0",
    "vulns": [
        {"id": "PYSEC-2026-2253", "fix_versions": ["12.3.0"], "aliases": [], "description": ""},
        {"id": "PYSEC-2026-1", "fix_versions": [], "aliases": [], "description": ""},
    ],
}


def verdict(*packages: dict[str, Any]) -> tuple[int, str]:
    path = Path(__file__).resolve().parent.parent / ".ci" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    code, lines = module.verdict({"dependencies": list(packages), "fixes": []})
    return code, "\n".join(lines)


@pytest.mark.parametrize(
    ("packages", "code", "says"),
    [
        ((SOUND, OWN), 0, ["1 packages were looked up; none has a known vulnerability."]),
        (
            (SOUND, WRONG, OWN),
            1,
            ["pillow 12.2.0: PYSEC-2026-2253, fixed in 12.3.0", "PYSEC-2026-1, fixed in no version"],
        ),
        ((SOUND, UNKNOWN), 2, ["1 of 2 packages could not be looked up (pillow), so this is no audit."]),
        ((WRONG, UNKNOWN), 2, ["PYSEC-2026-2253", "no audit"]),
        ((OWN,), 2, ["no audit"]),
    ],
    ids=["sound", "vulnerable", "not looked up", "both", "nothing there"],
)
def test_an_audit_that_looked_nothing_up_is_none(
    packages: tuple[dict[str, Any], ...], code: int, says: list[str]
) -> None:
    found, told = verdict(*packages)
    assert code == found
    for words in says:
        assert words in told
