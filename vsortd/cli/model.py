"""`vsortd model list|fetch`: which models there are, and their weights ahead of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vsortd.cli.common import SCHEMA_VERSION, CsvFlag, JsonFlag, console, one_form, print_json, write_csv_of
from vsortd.cli.completing import model_names, model_tags

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="The models that look at the frames: list them, fetch their weights.", no_args_is_help=True)


_PAIR_FIELDS = ("name", "tag", "cached")
_FIELDS = ("name", "tag", "params_m", "size_mb", "licence", "purpose", "cached")


@app.command("list")
def list_models(
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
    everything: Annotated[bool, typer.Option("--all", help="Every name and tag that open_clip knows.")] = False,
) -> None:
    """Show the models worth choosing, with size and licence, and whether their weights are here."""
    one_form(as_csv=as_csv, as_json=as_json)
    entries = _all_pairs() if everything else _recommended()
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "cache": str(_cache()), "models": entries})
    elif as_csv:
        write_csv_of(_PAIR_FIELDS if everything else _FIELDS, entries)
    elif everything:
        _print_pairs(entries)
    else:
        _print_recommended(entries)


@app.command("fetch")
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            help="A model name, such as ViT-B-32-256; or auto, for both defaults.", autocompletion=model_names
        ),
    ],
    tag: Annotated[
        str | None,
        typer.Argument(help="Its pretrained tag; by default the recommended one.", autocompletion=model_tags),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Download a model's weights into the cache, so that vsortd finds them without network."""
    fetched = [_fetch(*pair) for pair in _pairs_to_fetch(name, tag)]
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "fetched": fetched})
        return
    for entry in fetched:
        console().print(f"{entry['name']} / {entry['tag']}: {entry['path']}")


def _pairs_to_fetch(name: str, tag: str | None) -> list[tuple[str, str]]:
    """Complete what the command line names. Raises UsageError when a tag is needed and missing."""
    from vsortd.errors import UsageError
    from vsortd.vision.models import AUTO, AUTO_CPU, AUTO_CUDA, RECOMMENDED, SAMPLE

    if name == SAMPLE:
        raise UsageError("The sample model is part of vsortd; there is nothing to fetch.")
    if name == AUTO:
        if tag is not None:
            raise UsageError("auto takes no tag.", remedy="Write `vsortd model fetch auto`, or name the model.")
        return [AUTO_CPU, AUTO_CUDA]
    if tag is not None:
        return [(name, tag)]
    tags = [model.tag for model in RECOMMENDED if model.name == name]
    if tags:
        return [(name, tags[0])]
    from vsortd.vision.sources import known_tags

    raise UsageError(f"{name} needs a tag.", remedy=f"It has: {', '.join(known_tags(name))}.")


def _fetch(name: str, tag: str) -> dict[str, Any]:
    from vsortd.vision.hub import obtain_weights
    from vsortd.vision.sources import check_tag, repository_of

    check_tag(name, tag)
    repository, files = repository_of(name, tag)
    path = obtain_weights(name, tag, repository, files, progress=True)
    return {"name": name, "tag": tag, "path": str(path), "size_bytes": path.stat().st_size}


def _cache() -> Path:
    from vsortd.vision.models import hub_cache

    return hub_cache()


def _recommended() -> list[dict[str, Any]]:
    from vsortd.vision.models import RECOMMENDED, SAMPLE, cached_weights

    inside = {
        "name": SAMPLE,
        "tag": "",
        "params_m": None,
        "size_mb": 0,
        "licence": "MIT",
        "purpose": "inside vsortd, for trying it out",
        "cached": True,
    }
    return [
        *(
            {
                "name": model.name,
                "tag": model.tag,
                "params_m": model.params_m,
                "size_mb": model.size_mb,
                "licence": model.licence,
                "purpose": model.purpose,
                "cached": cached_weights(model.repository) is not None,
            }
            for model in RECOMMENDED
        ),
        inside,
    ]


def _all_pairs() -> list[dict[str, Any]]:
    from open_clip.pretrained import list_pretrained

    from vsortd.vision.models import cached_weights
    from vsortd.vision.sources import repository_of

    return [
        {"name": name, "tag": tag, "cached": cached_weights(*repository_of(name, tag)) is not None}
        for name, tag in list_pretrained()
    ]


def _print_pairs(entries: list[dict[str, Any]]) -> None:
    from vsortd.core.tables import Column, ColumnKind, print_table

    columns = (Column("", ColumnKind.NAME), Column("", ColumnKind.NAME), Column(""))
    rows = [(entry["name"], entry["tag"], "(cached)" if entry["cached"] else "") for entry in entries]
    print_table(console(), columns, rows)


def _print_recommended(entries: list[dict[str, Any]]) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.core.units import about_size

    columns = (
        Column("name", ColumnKind.NAME),
        Column("weights", ColumnKind.NAME),
        Column("download", ColumnKind.NUMBER),
        Column("here"),
        Column("licence"),
        Column("for", ColumnKind.PROSE),
    )
    rows = []
    for entry in entries:
        size = about_size(entry["size_mb"] * 1e6) if entry["size_mb"] else "none"
        here = Text("yes", style="green") if entry["cached"] else "no"
        rows.append((entry["name"], entry["tag"], size, here, entry["licence"], entry["purpose"]))
    out = console()
    print_table(out, columns, rows)
    out.print()
    out.print(f"Weights are kept in {_cache()}", style="dim")
