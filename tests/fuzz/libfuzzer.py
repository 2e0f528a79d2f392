"""One target under atheris, in a process of its own: `python -m tests.fuzz.libfuzzer TARGET FOLDER FOUND OPTION …`.

libFuzzer ends the process itself: 0 when its time is over, another code after a hang, too much memory or a crash of
the interpreter. An exception that comes out of a target is kept, and the run goes on.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris


def main(name: str, folder: Path, found: Path, options: list[str]) -> None:
    """Fuzz a target, with its corpus and what else it writes in `folder`, and what it finds in `found`."""
    with atheris.instrument_imports(include=["vsortd"]):
        module = importlib.import_module(f"tests.fuzz.{name}")
    from tests.fuzz.driver import Findings

    with module.opened(folder) as target:
        corpus = folder / "corpus"
        corpus.mkdir(exist_ok=True)
        for number, seed in enumerate(target.seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
        dictionary = folder / "words"
        dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        findings = Findings(found, name)
        arguments = [sys.argv[0], *options, f"-dict={dictionary}", f"-max_len={target.max_bytes}", str(corpus)]
        atheris.Setup(arguments, lambda data: findings.attempt(target, data), internal_libfuzzer=True)
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
