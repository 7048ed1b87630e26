"""The wave machine: its shape, and that the rules notice a broken one."""

from collections.abc import Callable
from typing import Any

import pytest

from cellwave_ops.template_rules import asl
from cellwave_ops.template_rules.document import refers_to

Json = dict[str, Any]
EXPRESS_SECONDS = 300


def test_the_wave_machine_keeps_every_rule(machine: Json) -> None:
    assert asl.problems(machine) == []


def _dangling(states: Json) -> None:
    states["Wait"]["Next"] = "Nowhere"


def _dangling_default(states: Json) -> None:
    states["HasMembers"]["Default"] = "Nowhere"


def _unreached(states: Json) -> None:
    states["Lost"] = {"Type": "Succeed"}


def _unreached_inside(states: Json) -> None:
    del states["StartNext"]["ItemProcessor"]["States"]["Start"]["Catch"]


def _no_retry(states: Json) -> None:
    del states["Gather"]["Retry"]


def _no_retry_inside(states: Json) -> None:
    del states["CollectMany"]["ItemProcessor"]["States"]["CollectPart"]["Retry"]


def _no_jitter(states: Json) -> None:
    del states["Gather"]["Retry"][0]["JitterStrategy"]


def _no_timeout(states: Json) -> None:
    del states["Merge"]["TimeoutSeconds"]


def _no_catch(states: Json) -> None:
    del states["CollectMany"]["Catch"]


def _no_default(states: Json) -> None:
    del states["HasGathered"]["Default"]


def _tolerant(states: Json) -> None:
    states["DispatchMany"]["ToleratedFailurePercentage"] = 1


def _endless(states: Json) -> None:
    del states["Gather"]["Next"]


@pytest.mark.parametrize(
    ("breach", "problem"),
    [
        (_dangling, "top: Nowhere is no state here"),
        (_dangling_default, "top: Nowhere is no state here"),
        (_unreached, "top: Lost is never reached"),
        (_unreached_inside, "StartNext: Already is never reached"),
        (_no_retry, "Gather: the last Retry must be for States.ALL"),
        (_no_retry_inside, "CollectPart: the last Retry must be for States.ALL"),
        (_no_jitter, "Gather: a Retry lacks backoff, a longest delay or jitter"),
        (_no_timeout, "Merge: TimeoutSeconds is missing"),
        (_no_catch, "CollectMany: does not catch States.ALL"),
        (_no_default, "HasGathered: a choice that nothing fits fails without a name; give it a Default"),
        (_tolerant, "DispatchMany: tolerates failures, so members would be lost"),
        (_endless, "Gather: needs either Next or End"),
    ],
)
def test_a_broken_machine_is_named(machine: Json, breach: Callable[[Json], None], problem: str) -> None:
    breach(machine["States"])

    assert problem in asl.problems(machine)


def test_what_the_definition_wants_substituted_is_what_the_template_gives(machine: Json, resources: Json) -> None:
    given = resources["WaveMachine"]["Properties"]["DefinitionSubstitutions"]

    assert asl.placeholders(machine) == set(given)
    kinds = {name: resources[refers_to(value) or ""]["Type"] for name, value in given.items()}
    assert kinds.pop("DataBucket") == "AWS::S3::Bucket"
    assert set(kinds.values()) == {"AWS::Serverless::Function"}


def test_a_task_waits_longer_than_its_function_may_run(machine: Json, template: Json) -> None:
    given = template["Resources"]["WaveMachine"]["Properties"]["DefinitionSubstitutions"]
    usual = template["Globals"]["Function"]["Timeout"]
    checked = 0
    for _, level in asl.levels(machine):
        for state in level["States"].values():
            for name in asl.placeholders(state.get("Parameters", {})) if state["Type"] == "Task" else ():
                function = template["Resources"][refers_to(given[name]) or ""]["Properties"]
                assert state["TimeoutSeconds"] > function.get("Timeout", usual)
                checked += 1
    assert checked == 6


def test_the_waits_between_an_express_childs_retries_leave_time_to_work(machine: Json) -> None:
    for name, level in asl.levels(machine):
        if level.get("ProcessorConfig", {}).get("ExecutionType") != "EXPRESS":
            continue
        [task] = level["States"].values()
        for retrier in task["Retry"]:
            delays = [
                min(retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n, retrier["MaxDelaySeconds"])
                for n in range(retrier["MaxAttempts"])
            ]
            assert sum(delays) + task["TimeoutSeconds"] < EXPRESS_SECONDS, name


def test_a_name_that_is_taken_counts_as_started_on_aws_and_on_the_emulator(machine: Json) -> None:
    start = machine["States"]["StartNext"]["ItemProcessor"]["States"]["Start"]
    both = ["StepFunctions.ExecutionAlreadyExistsException", "ExecutionAlreadyExists"]

    assert start["Catch"] == [{"ErrorEquals": both, "Next": "Already"}]
    assert start["Retry"][0] == {"ErrorEquals": both, "MaxAttempts": 0}


def test_the_wait_has_no_timeout_and_goes_by_the_due_time(machine: Json) -> None:
    assert machine["States"]["Wait"] == {"Type": "Wait", "TimestampPath": "$.due", "Next": "HasMembers"}
    assert "TimeoutSeconds" not in machine
