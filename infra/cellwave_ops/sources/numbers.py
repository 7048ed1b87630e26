"""Numbers of subscribers, from list files as people send them."""

from pathlib import Path
from typing import Final

from cellwave.contracts.list_files import read_list
from cellwave.domain.errors import DocumentError, Problem
from cellwave.domain.identifiers import canonical_msisdn

_SHOWN: Final = 20


def read_numbers(file: Path) -> list[str]:
    """Return the canonical MSISDNs of a list file's `sub` column, each once, in the file's order.

    Raises DocumentError naming every row (the first 20) that is no number; it never shows what stands there.
    """
    numbers: dict[str, None] = {}
    problems: list[Problem] = []
    for line, text in read_list(file):
        try:
            numbers[canonical_msisdn(text)] = None
        except ValueError as error:
            mend = "write it with the country code, such as +353851234567"
            problems.append(Problem(str(file), "sub", str(error), mend, line))
    if problems:
        more = len(problems) - _SHOWN
        note = [Problem(str(file), "", f"{more} more rows are no numbers", "mend them alike")] if more > 0 else []
        raise DocumentError(problems[:_SHOWN] + note)
    return list(numbers)
