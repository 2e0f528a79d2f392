"""Doctor's checks in a process of their own: what they load goes with it, and what crashes there takes nothing along.

`python -m vsortd.doctor.apart CONFIG` prints each finding as a line of JSON, as it comes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vsortd.errors import VsortdError

if TYPE_CHECKING:
    from collections.abc import Generator


def examine_apart(config: Path | None) -> Generator[dict[str, str], None, None]:
    """Yield every finding, as `doctor --json` prints it; closing the iterator ends the process. Raises VsortdError."""
    command = [sys.executable, "-P", "-m", "vsortd.doctor.apart", *([] if config is None else [str(config)])]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="ascii"
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            yield json.loads(line)
        if code := process.wait():
            raise VsortdError(f"The checks ended with exit code {code}.", remedy="At a terminal: vsortd doctor")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _main() -> None:
    from vsortd.doctor import examine

    config = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    for finding in examine(config):
        print(json.dumps(finding.to_json()), flush=True)  # noqa: T201 - for the process that started this one


if __name__ == "__main__":
    _main()
