"""Analyses that were written before, read again: our own documents, or DeepFFmpeg's technical JSON and label table."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from vsortd.analysis.labels import CSV_COLUMNS
from vsortd.analysis.part_names import AnalysisPart
from vsortd.analysis.stored_deepffmpeg import documents_of_deepffmpeg
from vsortd.analysis.stored_models import MOST, PART_MODELS, Stored, StoredFailure, TheirTechnical
from vsortd.analysis.summary import with_summary
from vsortd.analysis.video_analysis import VideoAnalysis
from vsortd.core.text import storable
from vsortd.core.units import about_size
from vsortd.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Document = dict[str, Any]

_Model = TypeVar("_Model", bound=BaseModel)

_MAX_BYTES: Final = 256_000_000
_MAX_LABELS: Final = 10_000
_SCHEMA_VERSION: Final = 1
_REMEDY: Final = "Name what `vsortd analyze --json` or --out wrote, or DeepFFmpeg's technical JSON and its label table."


def read_stored(paths: Sequence[Path]) -> list[VideoAnalysis]:
    """Return the analyses of these files, their summaries told anew; without the technical report.

    One of our own documents may hold many videos; DeepFFmpeg's technical JSON goes with at most one table of labels.
    Raises UsageError that names the file and the key, or the line, that isn't right.
    """
    own: list[tuple[Path, Document]] = []
    technical: list[tuple[Path, Document]] = []
    tables: list[tuple[Path, str]] = []
    for path in paths:
        text = _text(path)
        if not text.lstrip().startswith(("{", "[")):
            tables.append((path, text))
            continue
        document = _json(path, text)
        (own if "videos" in document else technical).append((path, document))
    if tables and (len(technical) != 1 or len(tables) > 1):
        path = tables[-1][0]
        remedy = "Name one technical JSON of DeepFFmpeg's, and one table of labels beside it."
        raise UsageError(f"{path} is a table of labels; it tells of one video with its technical JSON.", remedy=remedy)
    labels = _label_rows(*tables[0]) if tables else None
    found = [one for path, document in own for one in _own_videos(path, document)]
    return found + [_their_video(path, document, labels) for path, document in technical]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"Can't read {path}: {error.strerror}.", remedy=_REMEDY, paths=[path]) from error
    if len(data) > _MAX_BYTES:
        _refuse(path, f"it is larger than {about_size(_MAX_BYTES)}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse(path, "it is no UTF-8")


def _json(path: Path, text: str) -> Document:
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"it is no JSON: {error}")
    if not isinstance(document, dict):
        _refuse(path, "it holds no JSON object")
    return document


def _no_number(said: str) -> NoReturn:
    raise ValueError(f"{said} is no number")


def _refuse(path: Path, why: str) -> NoReturn:
    raise UsageError(f"{path} can't be used: {storable(why)}.", remedy=_REMEDY, paths=[path])


def _validated(path: Path, model: type[_Model], document: object, within: str) -> _Model:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(filter(None, (within, *map(str, first["loc"]))))
        said = "it is missing" if first["type"] == "missing" else first["msg"].lower()
        _refuse(path, f"{key}: {said}")


def _path(path: Path, key: str, said: str) -> Path:
    """Return the path that a document names. Raises UsageError for what no file can be called."""
    with contextlib.suppress(UnicodeEncodeError):
        if b"\0" not in os.fsencode(said):
            return Path(said)
    _refuse(path, f"{key}: no file can be called that")


# Our own


def _own_videos(path: Path, document: Document) -> Iterator[VideoAnalysis]:
    if document.get("schema_version") != _SCHEMA_VERSION:
        _refuse(path, f"schema_version isn't {_SCHEMA_VERSION}")
    videos = document["videos"]
    if not isinstance(videos, list) or not videos:
        _refuse(path, "videos: there is no video in it")
    for number, video in enumerate(videos):
        yield _own_video(path, video, f"videos.{number}")


def _own_video(path: Path, video: object, within: str) -> VideoAnalysis:
    if not isinstance(video, dict) or not isinstance(video.get("path"), str) or not video["path"]:
        _refuse(path, f"{within}.path: it is missing")
    name = _path(path, f"{within}.path", video["path"])
    if isinstance(video.get("error"), str):
        return VideoAnalysis(name, reason=video["error"])
    documents: dict[AnalysisPart, Document | None] = {}
    for part in AnalysisPart:
        if part.value not in video:
            if part is AnalysisPart.SUMMARY:
                _refuse(path, f"{within}.summary: it is missing; it holds what the summary is told from")
            continue
        document = video[part.value]
        if document is not None:
            failed = isinstance(document, dict) and "error" in document
            model = StoredFailure if failed else PART_MODELS.get(part, Stored)
            _validated(path, model, document, f"{within}.{part.value}")
        documents[part] = document
    documents[AnalysisPart.SUMMARY] = with_summary(documents)
    return VideoAnalysis(name, documents)


# DeepFFmpeg's


def _their_video(
    path: Path, document: Document, labels: Mapping[int, list[tuple[str, float, int]]] | None
) -> VideoAnalysis:
    if "combined_insights" in document:
        _refuse(path, "it is what DeepFFmpeg combined, without what that was made of; its technical JSON has it")
    if "metadata" not in document:
        _refuse(path, "neither videos (ours) nor metadata (DeepFFmpeg's) is in it")
    technical = _validated(path, TheirTechnical, document, "")
    name = _path(path, "input_file", technical.input_file)
    documents = documents_of_deepffmpeg(technical, labels)
    documents[AnalysisPart.SUMMARY] = with_summary(documents)
    return VideoAnalysis(name, documents)


def _label_rows(path: Path, text: str) -> dict[int, list[tuple[str, float, int]]]:
    """Return by stream (0 the picture, 1 the sound) each label with its mean probability and its count of frames."""
    rows = csv.reader(io.StringIO(text, newline=""))
    found: dict[int, list[tuple[str, float, int]]] = {0: [], 1: []}
    try:
        if tuple(next(rows, ())) != CSV_COLUMNS:
            _refuse(path, f"line 1: it doesn't begin with {','.join(CSV_COLUMNS)}")
        for row in rows:
            if row:
                stream, label = _label_row(path, rows.line_num, row)
                found[stream].append(label)
            if sum(map(len, found.values())) > _MAX_LABELS:
                _refuse(path, f"line {rows.line_num}: there are more than {_MAX_LABELS:,} labels")
    except csv.Error as error:
        _refuse(path, f"line {rows.line_num}: {error}")
    return found


def _label_row(path: Path, line: int, row: Sequence[str]) -> tuple[int, tuple[str, float, int]]:
    if len(row) != len(CSV_COLUMNS):
        _refuse(path, f"line {line}: there are {len(row)} columns, not {len(CSV_COLUMNS)}")
    stream, label, probability, count = row
    try:
        number, mean, frames = int(stream), float(probability), int(count)
    except ValueError:
        _refuse(path, f"line {line}: {','.join(row)!r} has no number where one has to be")
    if number not in {0, 1}:
        _refuse(path, f"line {line}: stream_id is {number}, neither 0 (picture) nor 1 (sound)")
    if not 0 <= mean <= 1 or not 0 <= frames <= MOST or not label.strip():
        _refuse(path, f"line {line}: avg_probability has to be 0 to 1, count 0 to {MOST:,}, and label not empty")
    return number, (label.strip(), mean, frames)
