"""What the matcher imports when it starts: each heavy module costs every cold start."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OFF_THE_PATH = ["boto3.resources", "pydantic", "pandas", "aws_lambda_powertools"]

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
import handler
try:
    wiring = handler._wiring()
    wiring.matcher
finally:
    print(json.dumps(sorted(sys.modules)))
"""

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "STATE_TABLE": "state",
    "JOURNEYS_TABLE": "journeys",
    "REGISTRY_TABLE": "registry",
    "LEDGER_TABLE": "ledger",
    "VAULT_TABLE": "vault",
    "DATA_BUCKET": "data",
    "WAVE_MACHINE_ARN": "arn:aws:states:us-east-1:000000000000:stateMachine:waves",
    "CHANNEL_QUEUES": "{}",
    "PEOPLE_KEY_ARN": "arn:aws:kms:us-east-1:000000000000:key/people",
    "SIGNALLING_STREAM": "signalling",
    "STREAM_CLOCK": "wall",
}


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    """Return every module that a started matcher, wired and ready for its first batch, has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "functions/match_signalling")],
        env={**ENVIRONMENT, "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", OFF_THE_PATH)
def test_a_started_matcher_has_not_loaded(loaded: set[str], module: str) -> None:
    assert module not in loaded
    assert not [name for name in loaded if name.startswith(f"{module}.")]


def test_a_started_matcher_is_wired(loaded: set[str]) -> None:
    assert {"cellwave.bootstrap", "cellwave.application.match_records", "botocore.session"} <= loaded
