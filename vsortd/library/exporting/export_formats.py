"""The words of `vsortd export`: formats, and the endings of names that say them. Light: the command line reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ExportFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class VectorType(StrEnum):
    """How the numbers of vectors are kept in Parquet."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"


ENDINGS: Final = {
    ".csv": ExportFormat.CSV,
    ".json": ExportFormat.JSON,
    ".jsonl": ExportFormat.JSONL,
    ".ndjson": ExportFormat.JSONL,
    ".parquet": ExportFormat.PARQUET,
}
