"""Target lists as files: CSV, gzipped CSV or Parquet, with a `sub` column."""

import csv
import gzip
import zlib
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Final, TextIO

from cellwave.domain.errors import DocumentError, Problem

LIST_SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")

_NAME_IT: Final = 'name the column of subscribers "sub", in lower case, without spaces'


def load_list(file: Path) -> frozenset[str]:
    """Return the subscribers on a list, as the file writes them, each once. Raises DocumentError."""
    return frozenset(sub for _, sub in read_list(file))


def read_list(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line (CSV) or row (Parquet), from 1, and subscriber of each row of a list file, repeats included.

    A byte order mark is no part of the header; other columns are left alone. Raises DocumentError, which never
    shows a subscriber.
    """
    try:
        if file.name.endswith(".parquet"):
            yield from _read_parquet(file)
        elif file.name.endswith(LIST_SUFFIXES):
            yield from _read_csv(file)
        else:
            raise _problem(file, "not a list file", "name it .csv, .csv.gz or .parquet")
    except FileNotFoundError:
        raise _problem(file, "no such file", "check the path") from None
    except UnicodeDecodeError:
        raise _problem(file, "not UTF-8", "save the list as UTF-8") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise _problem(file, f"broken gzip: {error}", "compress it again") from None
    except OSError as error:
        raise _problem(file, f"cannot be read: {error.strerror or error}", "check path and permissions") from None


def _read_csv(file: Path) -> Iterator[tuple[int, str]]:
    with _open_text(file) as stream:
        rows = csv.reader(stream, strict=True)
        try:
            header = next(rows, [])
            if "sub" not in header:
                raise _problem(file, 'no column "sub" in the header', _NAME_IT, line=1)
            column = header.index("sub")
            for row in rows:
                if not row:
                    continue
                sub = row[column] if column < len(row) else ""
                if not sub:
                    raise _problem(file, "a row without a subscriber", "fill or remove it", line=rows.line_num)
                yield rows.line_num, sub
        except csv.Error as error:
            raise _problem(file, f"not CSV: {error}", "check quotes and commas", line=rows.line_num) from None


def _open_text(file: Path) -> TextIO:
    if file.name.endswith(".gz"):
        return TextIOWrapper(gzip.open(file), encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _read_parquet(file: Path) -> Iterator[tuple[int, str]]:
    # Parquet is read where lists are handed in, never in a function that matches: pyarrow is not in the layer.
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            names = table.schema_arrow.names
            if "sub" not in names:
                raise _problem(file, 'no column "sub"', _NAME_IT)
            kind = table.schema_arrow.field("sub").type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
                raise _problem(file, f'the column "sub" is of type {kind}', "store subscribers as text", path="sub")
            row = 0
            for batch in table.iter_batches(columns=["sub"]):
                for value in batch.column(0).to_pylist():
                    row += 1
                    if value is None or value == "":
                        raise _problem(file, "a row without a subscriber", "fill or remove it", line=row)
                    yield row, str(value)
    except pa.ArrowException as error:
        raise _problem(file, f"not Parquet: {str(error)[:120]}", "write it again as Parquet") from None


def _problem(file: Path, reason: str, mend: str, line: int = 0, path: str = "") -> DocumentError:
    return DocumentError([Problem(str(file), path, reason, mend, line)])
