"""Writing an exported table: as CSV, as JSON, as a JSON document a line, or as Parquet; row by row."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

from vsortd.core.csv_table import cells_of, write_table
from vsortd.core.text import printable_json
from vsortd.library.exporting.export_formats import ExportFormat, VectorType
from vsortd.library.exporting.export_rows import RECORD_KEYS, ColumnType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import BinaryIO

    from vsortd.library.exporting.export_rows import ExportTable, Row

SCHEMA_VERSION: Final = 1
_ROWS_AT_ONCE: Final = 8192  # of a row group: 16 MiB of vectors of 512 numbers


def write_export_text(out: TextIO, form: ExportFormat, table: ExportTable, *, shown: bool = False) -> None:
    """Write a table as text into a stream that translates no line ends; `shown` on a terminal names are escaped."""
    rows = map(_plain, table.rows)
    if form is ExportFormat.CSV:
        write_table(out, list(table.columns), cells_of(list(table.columns), rows), shown=shown)
    elif form is ExportFormat.JSONL:
        out.writelines(f"{_json(row)}\n" for row in rows)
    else:
        out.write(f'{{"schema_version": {SCHEMA_VERSION}, "items": [')
        out.writelines(f"{',' if number else ''}\n{_json(row)}" for number, row in enumerate(rows))
        out.write("\n]}\n")


def write_export_parquet(out: BinaryIO, table: ExportTable, vectors: VectorType) -> None:
    """Write a table as Parquet. Raises ImportError without pyarrow."""
    from importlib import import_module

    pa: Any = import_module("pyarrow")  # it has no types
    parquet: Any = import_module("pyarrow.parquet")
    schema = pa.schema([_field(pa, name, kind, table.length, vectors) for name, kind in table.columns.items()])
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for rows in _batches(table.rows, _ROWS_AT_ONCE):
            arrays = [_array(pa, field.type, table.columns[field.name], field.name, rows) for field in schema]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _batches(rows: Iterable[Row], count: int) -> Iterator[list[Row]]:
    source = iter(rows)
    while some := list(itertools.islice(source, count)):
        yield some


def _field(pa: Any, name: str, kind: ColumnType, length: int, vectors: VectorType) -> Any:  # noqa: ANN401 - no types
    number = pa.float32() if vectors is VectorType.FLOAT32 else pa.float16()
    types = {
        ColumnType.INTEGER: pa.int64(),
        ColumnType.NUMBER: pa.float64(),
        ColumnType.TEXT: pa.string(),
        ColumnType.MOMENT: pa.timestamp("ms", tz="UTC"),
        ColumnType.TEXTS: pa.list_(pa.string()),
        ColumnType.RECORD: pa.struct([(one, pa.string()) for one in RECORD_KEYS.get(name, ())]),
        ColumnType.VECTOR: pa.list_(number, length),
    }
    return pa.field(name, types[kind])


def _array(pa: Any, type_: Any, kind: ColumnType, name: str, rows: list[Row]) -> Any:  # noqa: ANN401 - no types
    values = [row[name] for row in rows]
    if kind is ColumnType.VECTOR:
        import numpy as np

        numbers = np.concatenate(values).astype(type_.value_type.to_pandas_dtype(), copy=False)
        return pa.FixedSizeListArray.from_arrays(pa.array(numbers), type_.list_size)
    if kind is ColumnType.MOMENT:
        values = [datetime.fromisoformat(value) for value in values]
    return pa.array(values, type=type_)


def _plain(row: Row) -> Row:
    """Return a row with vectors as JSON has them."""
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}


def _json(row: Mapping[str, Any]) -> str:
    return printable_json(json.dumps(row, ensure_ascii=False))
