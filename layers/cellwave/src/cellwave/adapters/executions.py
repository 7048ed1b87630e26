"""What Step Functions takes as an execution's name and input; emulators take anything, so it is checked here.

Source: API reference of StartExecution. A name is narrower than AWS allows, so that logs can carry it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

MAX_INPUT: Final = 256 * 1024

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


def checked(name: str, execution_input: Mapping[str, Any]) -> str:
    """Return the input as JSON. Raises ValueError for a name or an input that AWS would refuse."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"an execution's name is 1 to 80 of A-Z a-z 0-9 _ -, not {name!r}")
    text = json.dumps(execution_input, separators=(",", ":"), ensure_ascii=False)
    size = len(text.encode())
    if size > MAX_INPUT:
        raise ValueError(
            f"the input of execution {name} has {size:,} bytes, at most {MAX_INPUT:,} are taken: "
            "put its content into an object and send the key"
        )
    return text
