"""`cellwave town` and `cellwave replay` as a person runs them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from cellwave.domain.pseudonyms import Pseudonymizer
from cellwave_ops import stack
from cellwave_ops.cli.replay import replay
from cellwave_ops.cli.town import town

SAMPLES = Path(__file__).parents[3] / "events"

app = typer.Typer()
app.command()(town)
app.command()(replay)


class FakeKinesis:
    def __init__(self, refuse: bool = False) -> None:
        self.streams: set[str] = set()
        self._refuse = refuse

    def put_records(self, *, StreamName: str, Records: Sequence[Any]) -> Any:  # noqa: N803
        self.streams.add(StreamName)
        return {"Records": [{"ErrorCode": "InternalFailure"} if self._refuse else {} for _ in Records]}


@pytest.fixture
def kinesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKinesis:
    kinesis = FakeKinesis()
    deployed = SimpleNamespace(
        outputs={"SignallingStream": "cellwave-signalling"},
        kinesis=lambda: kinesis,
        pseudonymizer=lambda: Pseudonymizer("k1", b"0" * 32),
        clock=lambda: SimpleNamespace(now=lambda: 1_793_577_600_000),
        check_clock_of=lambda first_ts: None,
        doubts_about=lambda last_ts: "",
    )
    monkeypatch.setattr(stack.lifecycle, "STATE_ROOT", tmp_path / "state")  # type: ignore[attr-defined]
    monkeypatch.setattr(stack, "connect", lambda: deployed)
    return kinesis


def test_a_town_is_made_and_replayed_into_the_deployed_stream(tmp_path: Path, kinesis: FakeKinesis) -> None:
    made = CliRunner().invoke(app, ["town", "--out", str(tmp_path / "town"), "--people", "30", "--json"])
    assert made.exit_code == 0, made.output
    events = json.loads(made.stdout)["events"]
    file = str(tmp_path / "town" / "events.jsonl.zst")
    sent = CliRunner().invoke(app, ["replay", file, "--rebase", "now", "--json", "--tee", str(tmp_path / "tee.jsonl")])
    assert sent.exit_code == 0, sent.output
    assert json.loads(sent.stdout)["events"] == events == len((tmp_path / "tee.jsonl").read_bytes().splitlines())
    assert kinesis.streams == {"cellwave-signalling"}


def test_lines_set_aside_are_told_by_the_exit_code_and_the_table(tmp_path: Path, kinesis: FakeKinesis) -> None:
    kept = str(tmp_path / "kept.jsonl")
    malformed = str(SAMPLES / "canonical-malformed.jsonl")
    sent = CliRunner().invoke(app, ["replay", malformed, "--quarantine", kept])
    assert sent.exit_code == 3
    assert re.search(r"lines set aside\W+20\b", sent.stdout)
    assert f"Their reasons: {kept}" in sent.stdout
    assert kinesis.streams == set()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.jsonl"], "cannot be read"),
        ([str(SAMPLES / "canonical.jsonl"), "--tee", "."], "cannot be written"),
        (["nothing.jsonl", "--speed", "fast"], "is no speed"),
        (["nothing.jsonl", "--rebase", "2026-11-02"], "is no start"),
    ],
)
def test_what_cannot_be_replayed_is_said_with_a_mend(
    arguments: list[str], message: str, kinesis: FakeKinesis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = CliRunner().invoke(app, ["replay", *arguments])
    assert sent.exit_code != 0
    assert message in sent.output
    assert not isinstance(sent.exception, KeyError | ValueError | OSError)
