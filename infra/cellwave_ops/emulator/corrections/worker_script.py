"""Edits to the script that ministack runs in each Lambda worker process."""

from __future__ import annotations

from ministack.core import lambda_runtime

from cellwave_ops.emulator.corrections import CorrectionDoesNotFitError


def replace_once(anchor: str, replacement: str) -> None:
    """Replace the one occurrence of a text in the worker's script; raises `CorrectionDoesNotFitError`."""
    script: str = lambda_runtime._PYTHON_WORKER_SCRIPT
    if script.count(anchor) != 1:
        raise CorrectionDoesNotFitError(f"the worker script has not exactly one {anchor!r}")
    lambda_runtime._PYTHON_WORKER_SCRIPT = script.replace(anchor, replacement)


def prepend(definitions: str) -> None:
    """Put definitions before the script."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = definitions + lambda_runtime._PYTHON_WORKER_SCRIPT
