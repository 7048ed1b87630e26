"""The consoles: results on standard output, all else on standard error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

OUT: Final = Console(highlight=False)
ERR: Final = Console(stderr=True, highlight=False)


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show that something is under way: a spinner on a terminal, one line elsewhere."""
    if ERR.is_terminal:
        with ERR.status(message):
            yield
    else:
        ERR.print(message)
        yield
