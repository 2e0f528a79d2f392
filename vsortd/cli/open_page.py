"""`vsortd open` and `vsortd web`: the page in the browser, and its password."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click

from vsortd.cli.common import JsonFlag, console, print_json, state_folder
from vsortd.cli.front.declared import Option
from vsortd.core.output import note
from vsortd.errors import DaemonUnreachableError, UsageError

_LEAST_CHARS = 8

NoBrowser = Annotated[
    bool, Option("--no-browser", help="Print the address, which lets one browser in, once, within 5 minutes.")
]
PasswordFile = Annotated[Path, Option("--out", "-o", metavar="PATH", help="The file to write; it must not exist yet.")]


def open_page(ctx: click.Context, no_browser: NoBrowser = False, as_json: JsonFlag = False) -> None:
    """Show the page in your browser, logged in.

    Starts the daemon if none runs. If there is no config, or it has mistakes, the page helps you with it first.
    """
    from vsortd.core.system.desktop_open import open_address

    address = _way_in(ctx)
    if as_json:
        print_json({"schema_version": 1, "address": address})
    elif no_browser:
        click.echo(address)
    elif open_address(address, state_folder()):
        note(console(), f"The page is in your browser. If it isn't: {address}")
    else:
        note(console(), f"There is no browser here that could be opened. The page: {address}")


def _way_in(ctx: click.Context) -> str:
    from vsortd.service.client import Client

    try:
        return Client(state_folder()).way_in()
    except DaemonUnreachableError as error:
        if error.asked:
            raise
    from vsortd.cli.control import start_daemon

    start_daemon(ctx, setup=True)
    return Client(state_folder()).way_in()


def password(out: PasswordFile) -> None:
    """Ask for a password, and write it hashed into a file.

    The file is for `web: {password_file: …}`.
    """
    from vsortd.core.system.atomic_file import whole_file
    from vsortd.web.sessions import hashed_password

    if sys.stdin.isatty():
        word = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        word = sys.stdin.readline().rstrip("\r\n")
    if len(word) < _LEAST_CHARS:
        raise UsageError(f"A password has at least {_LEAST_CHARS} characters.")
    try:
        with whole_file(out.absolute(), replace=False) as file:
            file.write(f"{hashed_password(word)}\n".encode())
    except FileExistsError as error:
        raise UsageError(
            f"{out} is there already.", remedy="Name another file, or remove it first.", paths=[out]
        ) from error
    except OSError as error:
        raise UsageError(f"{out} can't be written: {error.strerror}.", paths=[out]) from error
    note(console(), f"Written to {out}. In the config: web: {{password_file: {out.absolute()}}}")
