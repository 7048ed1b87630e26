"""The consoles: results on standard output, all else on standard error.

Nothing that is shown is markup: a file may be called `[red].csv`. On a terminal lines are wrapped between words; into
a pipe or file they go as they are, and tables are 100 columns wide.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.table import Table

_WIDTH: Final = 100


def _console(stream: TextIO, *, stderr: bool = False) -> Console:
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


OUT: Final = _console(sys.stdout)
ERR: Final = _console(sys.stderr, stderr=True)


def tell(line: str) -> None:
    """Print a line of the result."""
    OUT.print(line, soft_wrap=not OUT.is_terminal)


def note(line: str) -> None:
    """Print a line about the work."""
    ERR.print(line, soft_wrap=not ERR.is_terminal)


def show_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; whole numbers stand to the right, with separators, and columns that hold them too."""
    cells = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", min_width=min(len(title), _WIDTH))
    for index, column in enumerate(columns):
        is_number = any(isinstance(row[index], int) for row in cells)
        table.add_column(column, justify="right" if is_number else "left")
    for row in cells:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    OUT.print(table)


def short(path: Path) -> str:
    """Return a path as it reads best: from here if it lies below, else whole."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show that something is under way: a spinner on a terminal, one line elsewhere."""
    if ERR.is_terminal:
        with ERR.status(message):
            yield
    else:
        note(message)
        yield
