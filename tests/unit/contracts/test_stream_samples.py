"""Records as Lambda hands them over, kept as a file: what was readable once stays readable."""

import base64
import json
from pathlib import Path

from cellwave.contracts.stream import decode_record

SAMPLES = Path(__file__).parents[3] / "events"


def test_the_sample_batch_is_read_as_it_was_when_it_was_made() -> None:
    """An aggregated record, a tick, a one-event record, a number where a pseudonym belongs, and rubbish."""
    batch = json.loads((SAMPLES / "kinesis-batch.json").read_text())["Records"]
    records = [
        decode_record(base64.b64decode(entry["kinesis"]["data"]), int(entry["kinesis"]["sequenceNumber"]))
        for entry in batch
    ]
    aggregated, tick, single, personal, rubbish = records
    assert [event.type for event in aggregated.events] == ["power_on", "sighting", "roam", "power_off"]
    assert (aggregated.events[0].tac, aggregated.events[2].plmn) == ("00100101", "00201")
    assert (tick.tick, tick.clock, tick.number) == (True, 1_793_607_000_000, 2)
    assert (single.lane, single.clock, single.producer) == (aggregated.lane, 1_793_606_641_000, "")
    assert "not a pseudonym" in personal.rejected[0].reason
    assert "0001" not in personal.rejected[0].content
    assert "zstd" in rubbish.rejected[0].reason
