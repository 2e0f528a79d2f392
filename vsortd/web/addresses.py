"""Addresses of the page's own, made of a path and of fields."""

from __future__ import annotations

from urllib.parse import urlencode


def address_of(path: str, *fields: tuple[str, object]) -> str:
    """Return an address with those fields that have a value, in their order."""
    query = urlencode([(name, value) for name, value in fields if value])
    return f"{path}?{query}" if query else path
