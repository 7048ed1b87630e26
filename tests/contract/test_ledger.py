"""The suite of Ledger."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cellwave.adapters.dynamodb.ledger import DynamoLedger
from cellwave.adapters.memory import MemoryLedger
from cellwave.domain.outcomes import Outcome
from cellwave.ports.journeys import Ledger

SUB = "k1-AAAAAAAAAAAAAAAAAAAAAA"
OUTCOME = Outcome(
    id="outcome-1",
    sub=SUB,
    journey="journey-1",
    campaign="ringback-mall",
    product="ringback-tone",
    node="text",
    wave="text-abc",
    attempt=2,
    channel="",
    kind="accepted",
    ts=1_763_800_000_000,
)


@pytest.fixture
def ledger(world: Any) -> Ledger:
    return MemoryLedger() if world.in_memory else DynamoLedger(world.aws.dynamodb, world.table("ledger"))


def test_an_outcome_comes_back_as_it_was_written(ledger: Ledger) -> None:
    assert ledger.append(OUTCOME)
    assert ledger.of(SUB) == [OUTCOME]
    assert list(ledger.all()) == [OUTCOME]


def test_an_outcome_reported_again_is_kept_once_even_with_another_time(ledger: Ledger) -> None:
    ledger.append(OUTCOME)
    assert not ledger.append(replace(OUTCOME, ts=OUTCOME.ts + 60_000))
    assert ledger.of(SUB) == [OUTCOME]


def test_outcomes_come_in_the_order_of_stream_time(ledger: Ledger) -> None:
    outcomes = [replace(OUTCOME, id=f"outcome-{9 - number}", ts=number) for number in (3, 1, 2, 10, 0)]
    for outcome in outcomes:
        ledger.append(outcome)
    assert [outcome.ts for outcome in ledger.of(SUB)] == [0, 1, 2, 3, 10]


def test_a_subscriber_has_its_own_outcomes_only(ledger: Ledger) -> None:
    ledger.append(OUTCOME)
    ledger.append(replace(OUTCOME, sub="k1-BBBBBBBBBBBBBBBBBBBBBB"))
    assert ledger.of(SUB) == [OUTCOME]
    assert len(list(ledger.all())) == 2
    assert ledger.of("k1-CCCCCCCCCCCCCCCCCCCCCC") == []


def test_of_reporters_racing_with_one_outcome_one_writes_it(ledger: Ledger, race: Callable[..., list[Any]]) -> None:
    assert sorted(race(lambda _: ledger.append(OUTCOME), 6)) == [False] * 5 + [True]
