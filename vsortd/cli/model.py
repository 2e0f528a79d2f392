"""`vsortd model`: which models there are, their weights ahead of time, and trials of them (`model_trials`)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

from vsortd.cli.common import (
    SCHEMA_VERSION,
    CsvFlag,
    JsonFlag,
    console,
    print_json,
    shows_progress,
    state_folder,
    write_csv_of,
)
from vsortd.cli.completing import model_names, model_tags
from vsortd.cli.front.declared import Argument, Option
from vsortd.core.output import note

if TYPE_CHECKING:
    from vsortd.vision.model_speeds import MeasuredSpeed
    from vsortd.vision.this_machine import ThisMachine


_PAIR_FIELDS = ("name", "tag", "cached")
_FIELDS = (
    "name", "tag", "params_m", "size_mb", "licence", "purpose", "cached", "image_params_m", "gflops", "memory_bytes",
    "gpu_bytes", "packages", "auto", "why_not", "frames_per_s", "measured_memory_bytes", "measured_gpu_bytes",
    "measured_on",
)  # fmt: skip


def list_models(
    everything: Annotated[bool, Option("--all", help="Every name and tag that open_clip knows.")] = False,
    as_csv: CsvFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the models worth choosing, and what each needs.

    Also shows what this machine has, and whether the weights are downloaded.
    """
    from vsortd.vision.this_machine import ThisMachine

    machine = ThisMachine.look()
    entries = _all_pairs() if everything else _recommended(machine)
    if as_json:
        head = {"schema_version": SCHEMA_VERSION, "cache": str(machine.cache), "machine": machine.to_json()}
        print_json({**head, "models": entries})
    elif as_csv:
        write_csv_of(_PAIR_FIELDS if everything else _FIELDS, entries)
    elif everything:
        _print_pairs(entries)
    else:
        _print_recommended(entries, machine)


def fetch(
    name: Annotated[
        str,
        Argument(
            help="A model name, such as ViT-B-32-256, or NAME/TAG; or auto, for what it means on this machine.",
            autocompletion=model_names,
        ),
    ],
    tag: Annotated[
        str | None,
        Argument(help="Its pretrained tag; by default the recommended one.", autocompletion=model_tags),
    ] = None,
    sound: Annotated[
        bool, Option("--sound", help="It is a model that listens, such as laion/clap-htsat-unfused.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Download a model's weights into the cache.

    vsortd then finds them without network.
    """
    entry = _fetch_sound(name, tag) if sound else _fetch(*_pair_to_fetch(name, tag))
    if as_json:
        print_json({"schema_version": SCHEMA_VERSION, "fetched": [entry]})
        return
    note(console(), f"{entry['name']}{' / ' + entry['tag'] if entry['tag'] else ''}: {entry['path']}")


def _pair_to_fetch(name: str, tag: str | None) -> tuple[str, str]:
    """Complete what the command line names. Raises UsageError when a tag is needed and missing."""
    from vsortd.errors import UsageError
    from vsortd.vision.models import AUTO, RECOMMENDED, SAMPLE

    before, _, after = name.partition("/")
    if tag is None and before and after:  # as `model compare` takes it
        name, tag = before, after
    if name == SAMPLE:
        raise UsageError("The sample model is part of vsortd; there is nothing to fetch.")
    if name == AUTO:
        if tag is not None:
            raise UsageError("auto takes no tag.", remedy="Write `vsortd model fetch auto`, or name the model.")
        from vsortd.vision.this_machine import ThisMachine

        return ThisMachine.look().auto
    if tag is not None:
        return name, tag
    tags = [model.tag for model in RECOMMENDED if model.name == name]
    if tags:
        return name, tags[0]
    from vsortd.vision.sources import known_tags

    raise UsageError(f"{name} needs a tag.", remedy=f"It has: {', '.join(known_tags(name))}.")


def _fetch(name: str, tag: str) -> dict[str, Any]:
    from vsortd.vision.hub import obtain_weights
    from vsortd.vision.sources import check_tag, repository_of

    check_tag(name, tag)
    repository, files = repository_of(name, tag)
    path = obtain_weights(name, tag, repository, files, progress=shows_progress())
    return {"name": name, "tag": tag, "path": str(path), "size_bytes": path.stat().st_size}


def _fetch_sound(name: str, tag: str | None) -> dict[str, Any]:
    from vsortd.errors import UsageError
    from vsortd.hearing.clap_files import find_clap

    if tag is not None:
        raise UsageError("A model that listens has no tag.", remedy=f"Write `vsortd model fetch --sound {name}`.")
    path = find_clap(name, progress=shows_progress()).weights
    return {"name": name, "tag": None, "path": str(path), "size_bytes": path.stat().st_size}


def _recommended(machine: ThisMachine) -> list[dict[str, Any]]:
    """Return what is known of each model, and of the one inside vsortd; null is what is not known."""
    from vsortd.vision.model_speeds import read_speeds
    from vsortd.vision.models import AUTO, RECOMMENDED, SAMPLE, cached_weights

    measured = {one.model: one for one in read_speeds(state_folder())}
    entries = []
    for model in RECOMMENDED:
        cached = cached_weights(model.repository) is not None
        is_auto = (model.name, model.tag) == machine.auto
        speed = measured.get(f"{model.name}/{model.tag}") or (measured.get(AUTO) if is_auto else None)
        entries.append(
            {
                "name": model.name,
                "tag": model.tag,
                "params_m": model.params_m,
                "image_params_m": model.image_params_m,
                "gflops": model.gflops,
                "size_mb": model.size_mb,
                "memory_bytes": model.memory_bytes,
                "gpu_bytes": model.gpu_bytes,
                "packages": list(model.packages),
                "licence": model.licence,
                "purpose": model.purpose,
                "cached": cached,
                "auto": is_auto,
                "why_not": machine.why_not(model, cached=cached),
                **_measured(speed),
            }
        )
    return [*entries, {**_inside(), **_measured(measured.get(SAMPLE))}]


def _inside() -> dict[str, Any]:
    """Return what is known of the model in the package; a damaged installation doesn't tell its size."""
    from vsortd.vision import sample
    from vsortd.vision.models import SAMPLE, parameters_in

    numbers: int | None = None
    with contextlib.suppress(OSError, ValueError):
        numbers = parameters_in(sample.weights_path())
    return {
        "name": SAMPLE,
        "tag": "",
        "params_m": None if numbers is None else round(numbers / 1e6, 1),
        "image_params_m": None,
        "gflops": None,
        "size_mb": 0,
        "memory_bytes": None if numbers is None else numbers * 4,
        "gpu_bytes": None if numbers is None else numbers * 2,
        "packages": [],
        "licence": "MIT",
        "purpose": "inside vsortd, for trying it out",
        "cached": True,
        "auto": False,
        "why_not": "",
    }


def _measured(speed: MeasuredSpeed | None) -> dict[str, Any]:
    return {
        "frames_per_s": speed.frames_per_s if speed else None,
        "measured_memory_bytes": speed.memory_bytes if speed else None,
        "measured_gpu_bytes": speed.gpu_bytes if speed else None,
        "measured_on": f"{speed.device_name or speed.device}, {speed.precision}" if speed else None,
    }


def _all_pairs() -> list[dict[str, Any]]:
    from vsortd.vision.models import cached_weights
    from vsortd.vision.open_clip_parts import list_pretrained
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


def _print_recommended(entries: list[dict[str, Any]], machine: ThisMachine) -> None:
    from vsortd.core.console import Text
    from vsortd.core.tables import Column, ColumnKind, print_table
    from vsortd.core.units import about_size
    from vsortd.evaluation.contest_table import about_speed

    numbers = ("parameters", "download", "RAM", "GPU", "GFLOPs", "frames/s")
    columns = (
        Column("name", ColumnKind.NAME),
        Column("weights", ColumnKind.NAME),
        *(Column(one, ColumnKind.NUMBER) for one in numbers),
        Column("here"),
        Column("licence"),
        Column("for", ColumnKind.PROSE),
    )
    rows = []
    for entry in entries:
        cells = [
            "" if entry["params_m"] is None else f"{entry['params_m']:g} M",
            about_size(entry["size_mb"] * 1e6) if entry["size_mb"] else "none",
            *("" if entry[name] is None else about_size(entry[name]) for name in ("memory_bytes", "gpu_bytes")),
            "" if entry["gflops"] is None else f"{entry['gflops']:g}",
            about_speed(entry["frames_per_s"]),
        ]
        here = Text("yes", style="green") if entry["cached"] else "no"
        wanted = Text(entry["purpose"])
        if entry["auto"]:
            wanted.append("; auto here", style="green")
        elif entry["packages"]:
            wanted.append(f", needs {', '.join(entry['packages'])}")
        if entry["why_not"]:
            wanted.append(f"; not here: {entry['why_not']}", style="yellow")
        rows.append((entry["name"], entry["tag"], *cells, here, entry["licence"], wanted))
    out = console()
    print_table(out, columns, rows)
    note(out)
    said = (
        "RAM and GPU: the weights alone, in fp32 and in bf16; GFLOPs: of a picture; frames/s: by `vsortd model bench`"
    )
    note(out, Text(said, style="dim"))
    note(out, Text(f"This machine: {_machine_line(machine)}", style="dim"))


def _machine_line(machine: ThisMachine) -> str:
    from vsortd.core.text import counted
    from vsortd.core.units import about_size

    parts = [f"{about_size(machine.memory_bytes)} of memory"] if machine.memory_bytes is not None else []
    parts.append(counted(machine.cores, "core"))
    parts += [f"{gpu.name} with {about_size(gpu.memory_bytes)}" for gpu in machine.gpus] or ["no GPU"]
    free = "" if machine.cache_free_bytes is None else f", {about_size(machine.cache_free_bytes)} free"
    return f"{', '.join(parts)}; weights are kept in {machine.cache}{free}"
