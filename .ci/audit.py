"""Hold what is installed against the known vulnerabilities: `.ci/task audit`.

pip-audit is kept in an environment of its own (`.audit/`), so that its packages are not among those that are looked at.
It prints that nothing was found also where it could look nothing up; that is an error here.

Exit code 0: every package was looked up, none has a known vulnerability; 1: some have; 2: not all could be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent / ".audit"
WANTED = "pip-audit>=2.10"
# Not on any registry: this very project.
OWN = "vsortd"
_SHOWN = 5


def main(places: list[str]) -> int:
    """Audit the packages in some site-packages folders, by default those of this Python."""
    program = installed()
    if program is None:
        return say("pip-audit could not be installed, so nothing was audited. Is there network?", 2)
    folders = places or sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        paths = [word for place in folders for word in ("--path", place)]
        command = [program, "--progress-spinner", "off", "--format", "json", "--output", str(report), *paths]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if not report.exists():
            return say(f"pip-audit has looked at nothing: {done.stderr.strip()[-500:]}", 2)
        document = json.loads(report.read_text("utf-8"))
    code, lines = verdict(document)
    return say("\n".join(lines), code)


def installed() -> Path | None:
    """Return the program of pip-audit in its own environment, made where there is none; None where that fails."""
    folder = HOME / ("Scripts" if sys.platform == "win32" else "bin")
    if not (folder / "pip-audit").exists() and not (folder / "pip-audit.exe").exists():
        venv.create(HOME, with_pip=True)
        done = subprocess.run([folder / "python", "-m", "pip", "install", "-q", WANTED], check=False)
        if done.returncode:
            return None
    return folder / "pip-audit"


def verdict(document: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the exit code of what pip-audit reported, and what is said of it."""
    packages = [one for one in document["dependencies"] if one["name"] != OWN]
    lines, skipped = [], [one["name"] for one in packages if "skip_reason" in one]
    for one in packages:
        for found in one.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{one['name']} {one['version']}: {found['id']}, fixed in {fixed}")
    vulnerable = bool(lines)
    if skipped or not packages:
        some = ", ".join(skipped[:_SHOWN]) + (" …" if len(skipped) > _SHOWN else "")
        lines.append(
            f"{len(skipped)} of {len(packages)} packages could not be looked up ({some or 'there are none'}), so this "
            "is no audit. Is there network, and does the registry have an API for vulnerabilities?"
        )
        return 2, lines
    if not vulnerable:
        lines.append(f"{len(packages)} packages were looked up; none has a known vulnerability.")
    return int(vulnerable), lines


def say(text: str, code: int) -> int:
    """Print what came of it, and return the exit code."""
    (sys.stderr if code else sys.stdout).write(f"{text}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
