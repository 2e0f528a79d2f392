"""Numbers of the command line that no option means: told by the name of the option, before anything begins."""

from __future__ import annotations

import math
from typing import Final

import click

from vsortd.errors import UsageError

LARGEST_SEED: Final = (1 << 32) - 1
"""What the libraries that draw by chance take at most."""


def finite(value: float | None) -> float | None:
    """Refuse `nan`, which is in every range, and what is without end. To be passed as an option's `callback`."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to reckon with.")
    return value


def seconds_of(option: str, text: str, such_as: str) -> float:
    """Return how long a time is that was typed behind an option. Raises UsageError, which names some as examples."""
    from vsortd.core.units import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}.", remedy=f"Write {such_as}.") from error
