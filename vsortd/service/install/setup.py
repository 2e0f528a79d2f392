"""What is to be installed: the config that counts for the service, checked as the account that will run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from vsortd.errors import ConfigError, UsageError
from vsortd.service.install.program import Scope, Setup, carried, this_python
from vsortd.service.install.systemd import SYSTEM_STATE

_CHECK_TIMEOUT_S = 60.0
# Of what the shell has set, what means the same for another account.
_FOR_ANYONE = ("VSORTD_FFMPEG", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int
    home: str

    @classmethod
    def named(cls, name: str) -> Account:
        """Look an account up. Raises UsageError for none, an unknown one, and for root."""
        if not name:
            raise UsageError(
                "A service of the machine needs an account to run as.",
                remedy="Name one that can write to the inboxes and the library: --account ACCOUNT",
            )
        if sys.platform == "win32":
            raise UsageError("Windows' services choose their account by themselves.")
        import pwd

        try:
            found = pwd.getpwnam(name)
        except KeyError as error:
            raise UsageError(
                f"There is no account {name!r} on this machine.",
                remedy="Make one, and let it write to the inboxes and the library: "
                f"sudo useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {name}",
            ) from error
        if found.pw_uid == 0:
            raise UsageError(
                "vsortd opens strangers' files; it is not installed to run as root.",
                remedy="Choose another account.",
            )
        return cls(name, found.pw_uid, found.pw_gid, found.pw_dir)


def user_setup(config: Path | None, *, tray: bool) -> Setup:
    """Return what runs as whoever installs. Raises ConfigError with every mistake of the config."""
    from vsortd.config.load import load_settings
    from vsortd.core.paths import find_config, state_folder

    path = find_config(config)
    settings = load_settings(path)
    folders = (*(str(inbox.path) for inbox in settings.inboxes), str(settings.library))
    return Setup(this_python(), str(path), str(state_folder()), folders, carried(os.environ), tray=tray)


def windows_system_setup(config: Path | None, account: str) -> Setup:
    """Return what runs as a service's own account, or as the one that was chosen."""
    setup = user_setup(config, tray=False)
    variables = {name: setup.environment[name] for name in _FOR_ANYONE if name in setup.environment}
    return Setup(setup.python, setup.config, "", setup.folders, variables, account, tray=False)


def system_setup(config: Path | None, account: Account) -> Setup:
    """Return what runs as another account, whose eyes the config is read with: `~` is its home, rights are its own.

    Raises ConfigError with what the check said.
    """
    path = _config_of(config, account)
    python = this_python()
    user, group, groups = _as(account)
    argv = [python, "-P", "-m", "vsortd", "--config", str(path), "config", "show", "--json"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_CHECK_TIMEOUT_S,
            cwd="/",
            env={"HOME": account.home, "PATH": os.defpath, "USER": account.name},
            user=user,
            group=group,
            extra_groups=groups,
        )
    except PermissionError as error:
        raise ConfigError(
            f"{account.name} can't run {python}: {error.strerror}.",
            remedy="Install vsortd where every account can read it, such as a virtual environment in /opt.",
        ) from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        raise ConfigError(
            f"The config can't be used as {account.name}:",
            details=said,
            remedy=f"Try it: sudo -u {account.name} {python} -m vsortd --config {path} check",
            paths=[path],
        )
    settings = json.loads(done.stdout)["settings"]
    folders = (*(inbox["path"] for inbox in settings["inboxes"]), settings["library"])
    variables = {name: os.environ[name] for name in _FOR_ANYONE if os.environ.get(name)}
    return Setup(python, str(path), SYSTEM_STATE, folders, variables, account.name, tray=False)


def _config_of(config: Path | None, account: Account) -> Path:
    """Return the config that counts: the one that is named, else the account's own, else the site's; never root's."""
    from vsortd.core.paths import CONFIG_NAME, find_config, site_config

    if config is not None or os.environ.get("VSORTD_CONFIG"):
        return find_config(config)
    looked_at = [Path(account.home) / ".config" / "vsortd" / CONFIG_NAME, site_config()]
    for path in looked_at:
        if path.is_file():
            return path
    raise ConfigError(
        f"There is no config file for {account.name}. Looked at: {', '.join(map(str, looked_at))}.",
        remedy=f"Write a first one with: vsortd config init --out {looked_at[-1]}",
        paths=looked_at,
    )


def _as(account: Account) -> tuple[int | None, int | None, list[int] | None]:
    """Return user, group and further groups for a child of the account; nothing where it is the caller's own."""
    if sys.platform == "win32" or os.geteuid() == account.uid:
        return None, None, None
    return account.uid, account.gid, os.getgrouplist(account.name, account.gid)


def require_root(scope: Scope) -> None:
    """Raise UsageError where the machine's services can't be changed, or where sudo would install root's own."""
    if sys.platform == "win32":
        return
    root = os.geteuid() == 0
    if scope is Scope.SYSTEM and not root:
        raise UsageError("The machine's services can only be changed by root.", remedy="Put sudo before it.")
    if scope is Scope.USER and root and os.environ.get("SUDO_USER"):
        raise UsageError(
            "With sudo this would be root's own service, not yours.",
            remedy="Leave sudo out; for the whole machine: --system --account ACCOUNT",
        )
