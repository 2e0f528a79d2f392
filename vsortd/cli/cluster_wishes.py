"""What is asked of `vsortd cluster`, and what of it can't be meant: refused before the work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vsortd.cli.common import at_terminal
from vsortd.errors import UsageError


@dataclass(frozen=True, slots=True)
class ClusterWishes:
    """What the command line asks for."""

    path: Path | None
    min_size: int | None
    neighbors: int | None
    seed: int
    fps: float
    out: Path | None
    preview: bool
    apply: bool
    copy: bool
    dry_run: bool
    yes: bool
    only: tuple[str, ...]
    rename: tuple[tuple[str, str], ...]
    into: tuple[str, ...]
    to_rules: Path | None
    teach: bool
    as_csv: bool
    as_json: bool

    @property
    def for_programs(self) -> bool:
        """Whether nothing is printed for people."""
        return self.as_json or self.as_csv

    @property
    def arranges(self) -> bool:
        """Whether groups become folders or rules."""
        return self.preview or self.fills or self.to_rules is not None

    @property
    def fills(self) -> bool:
        """Whether videos come into the groups' folders, or would."""
        return self.apply or self.copy


def rename_pair(said: str) -> tuple[str, str]:
    """Return group and name of `--rename N=NAME`. Raises UsageError."""
    which, equals, name = said.partition("=")
    if not equals or not which.strip() or not name.strip("/ "):
        raise UsageError(f"--rename {said} names no group or no name.", remedy="Write --rename 3=beach.")
    return which.strip(), name


def check_wishes(wishes: ClusterWishes) -> None:
    """Refuse what can't be meant, before the work begins."""
    for given, wanted, option, other in (
        (wishes.dry_run, wishes.fills, "--dry-run", "--apply or --copy"),
        (wishes.yes, wishes.fills, "--yes", "--apply or --copy"),
        (wishes.teach, wishes.to_rules is not None, "--learn", "--out RULES.yaml"),
        (bool(wishes.only), wishes.arranges, "--only", "--preview, --apply, --copy or --out RULES.yaml"),
        (bool(wishes.rename), wishes.arranges, "--rename", "--preview, --apply, --copy or --out RULES.yaml"),
        (bool(wishes.into), wishes.arranges, "--into", "--preview, --apply, --copy or --out RULES.yaml"),
    ):
        if given and not wanted:
            raise UsageError(f"{option} says how {other} does it.", remedy=f"Add {other}.")
    if wishes.as_csv and wishes.arranges:
        raise UsageError(
            "--csv lists the groups alone.", remedy="Use --json with --preview, --apply, --copy and --out RULES.yaml."
        )
    if wishes.apply and wishes.copy:
        raise UsageError("--apply moves the videos, --copy leaves them where they are.", remedy="Take one of them.")
    if wishes.preview and wishes.fills:
        what = "--copy" if wishes.copy else "--apply"
        title = f"--preview files nothing, {what} does."
        raise UsageError(title, remedy=f"Use one of them, or {what} --dry-run.")
    asks = wishes.fills and not (wishes.yes or wishes.dry_run)
    if asks and (wishes.as_json or not at_terminal()):
        raise UsageError(
            "There is no terminal here to ask at whether to file.", remedy="Add --yes, or --dry-run to see first."
        )
    _insist_on_libraries(wishes.out)
    if wishes.to_rules is not None:
        _insist_on_ours(wishes.to_rules)


def _insist_on_libraries(out: Path | None) -> None:
    from vsortd.library.clusters.projection import insist_on_libraries

    insist_on_libraries(["sklearn", *(["matplotlib"] if out is not None else [])])
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"Can't make the folder {out}: {error.strerror}.", paths=[out]) from error


def _insist_on_ours(path: Path) -> None:
    """Refuse to write over a config, or anything else that this command has not written."""
    from vsortd.library.clusters.to_rules import HEADER

    try:
        with path.open("rb") as file:
            begins = file.read(len(HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"Can't write {path}: {error.strerror}.", paths=[path]) from error
    if begins != HEADER.encode():
        raise UsageError(
            f"{path} is there, and `vsortd cluster` did not write it.",
            remedy="Name a new file; its rules can be put into your config from there.",
            paths=[path],
        )
