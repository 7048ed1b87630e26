"""Logs and metrics. Never a number, name or address of a person; pseudonyms only where a trail needs them."""

import json
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

NAMESPACE: Final = "Cellwave"


def logger(service: str) -> "Logger":
    """Return a structured logger; imported on demand, for the matcher's import path holds no Powertools."""
    from aws_lambda_powertools import Logger

    return Logger(service=service, log_uncaught_exceptions=False)


def emit_counts(service: str, counts: Mapping[str, int]) -> None:
    """Write counts as one CloudWatch embedded metric format document to standard output.

    Source: CloudWatch "Specification: Embedded metric format". Costs one line, no call.
    """
    metrics = [{"Name": name, "Unit": "Count"} for name in sorted(counts)]
    document = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": metrics}],
        },
        "service": service,
        **counts,
    }
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")
    sys.stdout.flush()
