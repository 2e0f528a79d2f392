"""Where config and state are, and how the disk spells a path. Light: what `status` and `undo` need first."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from vsortd.core.names import nfc
from vsortd.errors import ConfigError, UsageError

CONFIG_NAME = "config.yaml"


def user_config() -> Path:
    """Return the user's own config file, which `vsortd config init` writes; it may not exist."""
    import platformdirs

    return platformdirs.user_config_path("vsortd", appauthor=False) / CONFIG_NAME


def site_config() -> Path:
    """Return the config file for all users of this machine; it may not exist."""
    import platformdirs

    return platformdirs.site_config_path("vsortd", appauthor=False) / CONFIG_NAME


def wanted_config(explicit: Path | None) -> Path:
    """Return where a new config belongs: `--config`, `$VSORTD_CONFIG`, else the user's folder; absolute."""
    named = _named(explicit)
    return named[0] if named else user_config()


def find_config(explicit: Path | None) -> Path:
    """Return the config file: `--config`, else `$VSORTD_CONFIG`, else the user's, else the site's; absolute.

    The working folder is never searched. A file that is named but missing is an error, never skipped. Raises
    ConfigError with the places that were looked at.
    """
    named = _named(explicit)
    if named:
        path, source = named
        try:
            if is_file(path):
                return path
            what = "is no regular file" if is_folder(path) or path.exists() else "does not exist"
        except UsageError as error:
            raise ConfigError(error.title, remedy="Name another config file.", paths=[path]) from error
        raise ConfigError(
            f"The config file {path} ({source}) {what}.",
            remedy=f"Name another, or write a first one with: vsortd config init --out {path}",
            paths=[path],
        )
    looked_at = [user_config(), site_config()]
    for path in looked_at:
        if path.is_file():
            return path
    places = ", ".join(str(path) for path in looked_at)
    raise ConfigError(
        f"There is no config file. Looked at: --config and $VSORTD_CONFIG (not given), {places}.",
        remedy="Write a first one with: vsortd config init",
        paths=looked_at,
    )


def config_to_mend(explicit: Path | None) -> Path:
    """Return the config file, or where a first one belongs. Raises ConfigError for what is there and no file."""
    try:
        return find_config(explicit)
    except ConfigError:
        wanted = wanted_config(explicit)
        if os.path.lexists(wanted):
            raise
        return wanted


def _named(explicit: Path | None) -> tuple[Path, str] | None:
    """Return the file that the command line or the environment names, made absolute, with who named it."""
    if explicit is not None:
        return _absolute(explicit), "--config"
    variable = os.environ.get("VSORTD_CONFIG", "")
    return (_absolute(Path(variable)), "$VSORTD_CONFIG") if variable else None


def state_folder() -> Path:
    """Return the folder of journal, index and socket: `$VSORTD_STATE_DIR`, else the user's; not created."""
    variable = os.environ.get("VSORTD_STATE_DIR", "")
    if variable:
        return _absolute(Path(variable))
    import platformdirs

    return platformdirs.user_state_path("vsortd", appauthor=False)


def journal_path(state: Path) -> Path:
    """Return where the journal lies in the state folder `state`."""
    return state / "journal.sqlite3"


def index_path(state: Path) -> Path:
    """Return where the index of embeddings lies in the state folder `state`."""
    return state / "index.sqlite3"


def texts_path(state: Path) -> Path:
    """Return where the vectors of prompts lie in the state folder `state`."""
    return state / "texts.sqlite3"


def previews_path(state: Path) -> Path:
    """Return where pictures and playable copies for people lie in the state folder `state`: all can be made again."""
    return state / "previews"


def log_path(state: Path) -> Path:
    """Return the daemon's log file, JSON lines, in the state folder `state`; older ones lie beside it."""
    return state / "logs" / "vsortd.log"


def as_on_disk(path: Path) -> Path:
    """Return a path as the disk spells it: a name that isn't there stands for one that is alike by NFC.

    What is there under its very name is meant, so of two that look alike each can be named. What isn't there in any
    form stays as it is. Raises UsageError where two names are alike and neither is the one given.
    """
    if str(path).isascii() or os.path.lexists(path):
        return path
    found = Path(path.anchor)
    for number, part in enumerate(path.parts[bool(path.anchor) :], bool(path.anchor)):
        alike = [part] if part.isascii() or os.path.lexists(found / part) else spellings(found, part)
        if len(alike) > 1:
            raise UsageError(
                f"There are {len(alike)} files called {found / part}, whose names differ only in how accents are kept.",
                remedy="Name the one you mean by the Tab key, or the folder they lie in.",
                paths=[path],
            )
        if not alike:
            return found.joinpath(*path.parts[number:])
        found /= alike[0]
    return found


def own_name(path: Path) -> Path:
    """Return a file's own absolute name, by which it is kept; links among the folders above it stay."""
    return path.resolve() if path.is_symlink() else Path(os.path.abspath(path))  # noqa: PTH100 - no links followed


def spellings(folder: Path, name: str) -> list[str]:
    """Return the names in a folder that are `name` by NFC, sorted; none where the folder can't be read."""
    wanted = nfc(name)
    try:
        return sorted(one for one in os.listdir(folder) if nfc(one) == wanted)  # noqa: PTH208 - names are wanted
    except OSError:
        return []


def below(folder: Path) -> tuple[bytes, bytes]:
    """Return between which bytes the paths of all that lies in a folder are: from the first, up to the second."""
    prefix = os.fsencode(folder).removesuffix(os.sep.encode()) + os.sep.encode()
    return prefix, prefix[:-1] + bytes([prefix[-1] + 1])


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there. Raises UsageError for what can't be looked at: a name too long, no rights."""
    found = _look_at(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


def is_file(path: Path) -> bool:
    """Tell whether a regular file is there. Raises UsageError for what can't be looked at."""
    found = _look_at(path)
    return found is not None and stat.S_ISREG(found.st_mode)


def _look_at(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: a zero byte
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"Can't look at {path}: {why}.", paths=[path]) from error


def _absolute(path: Path) -> Path:
    """Expand ~ and make absolute, without following symlinks, as the disk spells it."""
    with contextlib.suppress(RuntimeError):  # no such user: the name is taken as it stands
        path = path.expanduser()
    return as_on_disk(Path(os.path.abspath(path)))  # noqa: PTH100 - Path.absolute keeps ".."
