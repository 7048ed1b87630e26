"""What the project corrects in stock ministack, one module a correction.

Each module's docstring says what the stock release gets wrong, and its `apply()` puts it right in the running
process. The corrections reach into private functions, so they hold for one release only: `server` refuses any
other. A correction whose anchor is gone raises `CorrectionDoesNotFitError` instead of doing nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib import import_module

PINNED_VERSION = "1.5.33"

CORRECTIONS: tuple[str, ...] = (
    "lambda_errors",
    "lambda_logs",
    "lambda_processes",
    "lambda_layers",
    "kinesis_mapping",
    "sqs_backlog",
    "template_ttl",
    "http_api_body",
    "stepfunctions_clock",
    "stepfunctions_starts",
    "stepfunctions_limits",
)
"""The registry, in the order of application; each name is a module of this package with an `apply()`."""


class UnknownCorrectionError(ValueError):
    """A correction was named that does not exist."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(f"no such correction: {', '.join(names)}; there are {', '.join(CORRECTIONS)}")


class CorrectionDoesNotFitError(RuntimeError):
    """The emulator's source is not what a correction was written for."""


def chosen(without: Collection[str] = ()) -> list[str]:
    """List the corrections to apply, in order; raises `UnknownCorrectionError`."""
    unknown = sorted(set(without) - set(CORRECTIONS))
    if unknown:
        raise UnknownCorrectionError(unknown)
    return [name for name in CORRECTIONS if name not in without]


def apply_all(without: Collection[str] = ()) -> list[str]:
    """Apply all corrections but those left out; returns the names applied."""
    names = chosen(without)
    for name in names:
        import_module(f"{__name__}.{name}").apply()
    return names
