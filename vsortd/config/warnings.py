"""What is odd about a config that is valid: missing folders, words that the model does not know."""

from __future__ import annotations

import os
from shlex import quote
from typing import TYPE_CHECKING

from vsortd.config.after_warnings import after_warnings
from vsortd.config.condition_warnings import condition_warnings
from vsortd.config.diagnostics import Location, Mistake, dotted
from vsortd.config.folder_checks import folder_warnings
from vsortd.config.former_versions import PRESENT
from vsortd.config.place_warnings import place_warnings
from vsortd.config.yaml_lines import NodeKind
from vsortd.core.names import OWN_FOLDER, folder_key, portable
from vsortd.core.push_sender import can_send, knows, service_of
from vsortd.core.system.mount_points import why_not_made
from vsortd.core.system.network_fs import PICKY_TYPES, filesystem_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vsortd.config.after_options import After
    from vsortd.config.check import CheckReport
    from vsortd.config.condition_options import When
    from vsortd.config.settings import RuleSettings, Settings

_PATH_MAX_BYTES = 3_500  # Linux allows 4,096 for a whole path; the library's own path and the file's name need room


def warnings_of(report: CheckReport, sample_unknown: Callable[[str], Iterable[str]]) -> tuple[Mistake, ...]:
    """Return what a person should know about a config, in file order; nothing where it has mistakes.

    `sample_unknown` says which words of a text the sample model has never seen.
    """
    settings = report.settings
    if settings is None:
        return ()
    found = [*_former_version(report), *_missing_folders(report, settings), *_rivals(report, settings, ())]
    for rule, location, path_bytes in _walk(settings):
        found += _rivals(report, rule, location)
        if path_bytes > _PATH_MAX_BYTES >= path_bytes - len(rule.name.encode()) - 1:
            message = f"the folders down to here take {path_bytes:,} bytes; most systems allow 4,096 in all"
            found.append(Mistake(report.line_of(location), dotted(location), rule.name, message))
    found += [*_refused_names(report, settings), *_second_opinion(report, settings)]
    found += place_warnings(report, settings, [(rule, location) for rule, location, _ in _walk(settings)])
    found += [*_odd_conditions(report, settings), *_lone_values(report, settings)]
    found += [*after_warnings(report, _after_sections(settings)), *_unsent(report, settings)]
    for location, value, message, allowed in folder_warnings(settings):
        found.append(Mistake(report.line_of(location), dotted(location), value, message, allowed))
    if settings.model == "sample":
        found += _unknown_words(report, settings, sample_unknown)
    return tuple(sorted(found, key=lambda warning: warning.line))


def _former_version(report: CheckReport) -> Iterator[Mistake]:
    """Warn where the file is of a former version, or does not say its version."""
    root = report.document.root
    if report.former is not None:
        yield report.former.warning()
    elif root is not None and root.get("version") is None:
        message = f"the file does not say its version; it was read as version {PRESENT}"
        yield Mistake(1, "version", None, message, f"version: {PRESENT}")


def _missing_folders(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn about inboxes and a library that are no folders yet."""
    places: list[tuple[Location, str]] = [
        (("inboxes", index, "path"), str(inbox.path))
        for index, inbox in enumerate(settings.inboxes)
        if not os.path.isdir(inbox.path)  # noqa: PTH112 - raises for no name, however long
    ]
    for location, path in places:
        message = "this inbox does not exist (yet)"
        yield Mistake(report.line_of(location), dotted(location), path, message, "a folder; make it, or mount it")
    yield from _missing_library(report, settings.library)


def _missing_library(report: CheckReport, library: Path) -> Iterator[Mistake]:
    """Warn where the library is not there: whether it will be made, or is waited for."""
    here = report.line_of(("library",)), "library", str(library)
    try:
        there = (library / OWN_FOLDER).is_dir()
        why = "" if there else why_not_made(library)
        missing = not there and not library.is_dir()
    except OSError as error:
        yield Mistake(*here, f"the library can't be looked at: {error.strerror or error}", "a folder")
        return
    if why:
        begins = "the library does not exist (yet), and is waited for" if missing else "the library is waited for"
        allowed = f"a folder; mount it, or make it: mkdir -p {quote(str(library / OWN_FOLDER))}"
        yield Mistake(*here, f"{begins}: {why}", allowed)
    elif missing:
        yield Mistake(*here, "the library does not exist (yet); it is made with the first video", "a folder")


def _refused_names(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn about rules whose folders the library's disk may refuse; that is not tried, for nothing is written here."""
    kind = filesystem_type(settings.library)
    if kind not in PICKY_TYPES:
        return
    for rule, location, _ in _walk(settings):
        fitted = portable(rule.name)
        if fitted != rule.name:
            where = (*location, "name")
            odd = " ".join(dict.fromkeys(char for char in rule.name if portable(f"a{char}a") != f"a{char}a"))
            message = f"the library's disk ({kind}) may take no {odd} in a name; the folder is then made as {fitted!r}"
            allowed = "a plainer name; `vsortd doctor` tries it"
            yield Mistake(report.line_of(where), dotted(where), rule.name, message, allowed)


def _walk(settings: Settings) -> Iterator[tuple[RuleSettings, Location, int]]:
    """Yield every rule with its location and the length of its folder's path in bytes."""
    work: list[tuple[RuleSettings, Location, int]] = [
        (rule, ("rules", index), 0) for index, rule in enumerate(settings.rules)
    ]
    while work:
        rule, location, above = work.pop()
        path_bytes = above + len(rule.name.encode()) + 1
        yield rule, location, path_bytes
        work.extend((child, (*location, "rules", index), path_bytes) for index, child in enumerate(rule.rules))


def _unsent(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn about addresses that no notification can be sent to."""
    here, urls = ("notify", "urls"), settings.notify.urls
    if urls and not can_send():
        message = "nothing is sent there: apprise is not installed"
        yield Mistake(report.line_of(here), dotted(here), None, message, "install it: pip install 'vsortd[notify]'")
        return
    for index, url in enumerate(urls):
        if not knows(url):
            at = (*here, index)
            message = "apprise knows no such service, or misses something in this address"
            allowed = "an address as apprise's page of the service has it"
            yield Mistake(report.line_of(at), dotted(at), f"{service_of(url)}://…", message, allowed)


def _after_sections(settings: Settings) -> list[tuple[After, Location]]:
    """Return each section `after` with where it stands."""
    said: list[tuple[After | str | None, Location]] = [(settings.after, ())]
    said += [(rule.after, location) for rule, location, _ in _walk(settings)]
    return [
        (after, (*location, "after")) for after, location in said if after is not None and not isinstance(after, str)
    ]


def _odd_conditions(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn about conditions that no video can meet together, or that can't be measured here."""
    asking: list[tuple[When | None, Location]] = [
        (tag.when, ("tags", number, "when")) for number, tag in enumerate(settings.tags)
    ]
    asking += [(rule.when, (*location, "when")) for rule, location, _ in _walk(settings)]
    for when, location in asking:
        for key, message, allowed in condition_warnings(when) if when is not None else ():
            here = (*location, key)
            yield Mistake(report.line_of(here), dotted(here), None, message, allowed)


def _rivals(report: CheckReport, parent: Settings | RuleSettings, location: Location) -> Iterator[Mistake]:
    """Warn where `none_of_these` names one of the rules that it competes with."""
    children = {folder_key(child.name) for child in parent.rules}
    for index, words in enumerate(parent.none_of_these):
        if folder_key(words) in children:
            here = (*location, "none_of_these", index)
            message = "this is one of the rules below, which would lose half its score to it"
            yield Mistake(report.line_of(here), dotted(here), words, message)


def _lone_values(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn of facets that are no question between answers."""
    for name, facet in settings.facets.items():
        if len(facet.prompts) == 1 and not facet.none_of_these:
            here = ("facets", name)
            message = "a facet with one value only asks whether a video is like it more than like anything else"
            allowed = "further values, or none_of_these; for what a video contains anywhere there are tags"
            yield Mistake(report.line_of(here), dotted(here), None, message, allowed)


def _unknown_words(
    report: CheckReport, settings: Settings, sample_unknown: Callable[[str], Iterable[str]]
) -> Iterator[Mistake]:
    """Warn about words that the sample model has never seen; it is unsure about what they describe."""
    for location, text in _prompts(report, settings):
        unknown = tuple(sample_unknown(text))
        if unknown:
            words = ", ".join(f'"{word}"' for word in unknown)
            message = f"the sample model does not know {words}; it will be unsure about such videos"
            allowed = "other words, or another model; its card lists what it knows"
            yield Mistake(report.line_of(location), dotted(location), text, message, allowed)


def _prompts(report: CheckReport, settings: Settings) -> Iterator[tuple[Location, str]]:
    """Yield every text that the model is given, with where it stands."""
    yield from _listed(report, ("none_of_these",), settings.none_of_these)
    yield from _listed(report, ("defaults", "templates"), _sentences(settings.defaults.templates))
    for number, tag in enumerate(settings.tags):
        if tag.contains is not None:
            yield from _listed(report, ("tags", number, "contains", "prompts"), tag.contains.prompts)
        elif tag.when is None:
            yield ("tags", number, "name"), tag.name
    for name, facet in settings.facets.items():
        for value, prompts in facet.prompts.items():
            yield from _listed(report, ("facets", name, value), prompts)
        yield from _listed(report, ("facets", name, "none_of_these"), facet.none_of_these)
    for rule, location, _ in _walk(settings):
        if rule.contains is not None:
            yield from _listed(report, (*location, "contains", "prompts"), rule.contains.prompts)
        elif not rule.prompts and rule.when is None:
            yield (*location, "name"), rule.name
        yield from _listed(report, (*location, "prompts"), rule.prompts)
        yield from _listed(report, (*location, "none_of_these"), rule.none_of_these)
        yield from _listed(report, (*location, "templates"), _sentences(rule.templates))


def _sentences(templates: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return templates without the place of the prompt."""
    return tuple(template.replace("{}", " ").strip() for template in templates or ())


def _second_opinion(report: CheckReport, settings: Settings) -> Iterator[Mistake]:
    """Warn that pictures leave the machine, and of an address that servers rarely have."""
    options, here = settings.unsure, ("unsure", "ask")
    server = options.server
    if server is None:
        return
    if options.anywhere:
        at = ("unsure", "anywhere")
        message = (
            f"frames of your undecided videos, and your rules, may leave this machine: they are sent to {server.place}"
        )
        allowed = "without it only this machine and your own network are asked"
        yield Mistake(report.line_of(at), dotted(at), True, message, allowed)
    if not server.path:
        message = "most servers answer below /v1, and this address ends before it"
        yield Mistake(report.line_of(here), dotted(here), str(server), message, f"{server}/v1, if that is so there")


def _listed(report: CheckReport, location: Location, texts: tuple[str, ...]) -> Iterator[tuple[Location, str]]:
    """Yield the texts of one option; a single text that stands alone has no index."""
    node = report.document.root
    for step in location:
        if node is not None:
            node = node.items[step] if isinstance(step, int) else node.get(step)
    alone = node is not None and node.kind is NodeKind.SCALAR
    for index, text in enumerate(texts):
        yield (location if alone else (*location, index)), text
