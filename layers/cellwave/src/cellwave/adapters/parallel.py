"""One request for each item, a bounded number at a time (boto3 clients are safe to share between threads)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

WIDTH: Final = 8
"""Requests at a time. Clients keep at least as many connections (see clients.py)."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def each(request: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Return the results in the order of the items. The first error rises when no request is under way any more."""
    if len(items) < 2:
        return [request(item) for item in items]
    with ThreadPoolExecutor(min(WIDTH, len(items))) as pool:
        return list(pool.map(request, items))
