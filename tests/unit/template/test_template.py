"""What the rest of the project relies on in the template and samconfig.toml."""

import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cellwave.domain.flow import ACTIVE_CHANNELS

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
SAMCONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())


def _functions(resources: Json) -> dict[str, Json]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::Serverless::Function"}


def test_every_folder_of_functions_is_deployed_and_every_function_has_its_folder(resources: Json) -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}

    assert {Path(f["CodeUri"]).name for f in _functions(resources).values()} == folders


@pytest.mark.parametrize("output", ["ChannelQueues", "ChannelDlqs"])
def test_every_active_channel_has_its_queue_and_its_dead_letter_queue(template: Json, output: str) -> None:
    urls = json.loads(template["Outputs"][output]["Value"]["Fn::Sub"])

    assert set(urls) == set(ACTIVE_CHANNELS)
    ending = "Queue}" if output == "ChannelQueues" else "Dlq}"
    assert all(url.endswith(ending) for url in urls.values())


def test_functions_that_send_know_every_channels_queue(template: Json, resources: Json) -> None:
    expected = template["Outputs"]["ChannelQueues"]["Value"]
    given = [
        f["Environment"]["Variables"]["CHANNEL_QUEUES"]
        for f in _functions(resources).values()
        if "CHANNEL_QUEUES" in f["Environment"]["Variables"]
    ]

    assert given == [expected] * 3


def test_poison_is_set_aside_after_five_receipts(resources: Json) -> None:
    redrives = [
        r["Properties"]["RedrivePolicy"] for r in resources.values() if "RedrivePolicy" in r.get("Properties", {})
    ]

    assert [redrive["maxReceiveCount"] for redrive in redrives] == [5] * len(ACTIVE_CHANNELS)


def test_the_matcher_reports_single_failures_keeps_order_and_gives_up_into_a_queue(resources: Json) -> None:
    mapping = resources["MatchSignallingFunction"]["Properties"]["Events"]["Signalling"]["Properties"]

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] > 0
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["MatcherFailuresQueue", "Arn"]}


def test_the_api_asks_for_a_signature_on_each_of_its_three_routes(resources: Json) -> None:
    routes = {
        event["Properties"]["Path"]: event["Properties"]
        for f in _functions(resources).values()
        for event in f.get("Events", {}).values()
        if event["Type"] == "HttpApi"
    }

    assert set(routes) == {"/v1/claims", "/v1/outcomes", "/v1/offers"}
    assert all(r["Method"] == "POST" and "Auth" not in r for r in routes.values())
    assert resources["Api"]["Properties"]["Auth"] == {"EnableIamAuthorizer": True, "DefaultAuthorizer": "AWS_IAM"}


def test_access_logs_hold_no_body_no_query_and_no_path(resources: Json) -> None:
    fields = set(json.loads(resources["Api"]["Properties"]["AccessLogSettings"]["Format"]).values())

    assert not [f for f in fields if re.search(r"body|query|\.path|sourceIp", f, re.IGNORECASE)]


def test_the_machines_logs_hold_no_execution_data(resources: Json) -> None:
    assert resources["WaveMachine"]["Properties"]["Logging"]["IncludeExecutionData"] is False


@pytest.mark.parametrize("clock", ["wall", "1763800000000,1700000000000,3600", "0,0,0.5"])
def test_a_stream_clock_is_a_parameter(template: Json, clock: str) -> None:
    assert re.fullmatch(template["Parameters"]["StreamClock"]["AllowedPattern"], clock)


@pytest.mark.parametrize("clock", ["", "virtual", "1,2", "1,2,3,4", "1.5,2,3"])
def test_nothing_else_is(template: Json, clock: str) -> None:
    assert not re.fullmatch(template["Parameters"]["StreamClock"]["AllowedPattern"], clock)


@pytest.mark.parametrize(
    ("environment", "stage"), [("local", "local"), ("staging", "staging"), ("production", "production")]
)
def test_each_environment_sets_parameters_that_the_template_has_and_allows(
    template: Json, environment: str, stage: str
) -> None:
    deploy = SAMCONFIG[environment]["deploy"]["parameters"]
    chosen = dict(pair.split("=", 1) for pair in shlex.split(deploy["parameter_overrides"]))

    assert deploy["stack_name"] == f"cellwave-{stage}"
    assert chosen["Stage"] == stage
    for name, value in chosen.items():
        parameter = template["Parameters"][name]
        assert value in map(str, parameter.get("AllowedValues", [value]))


def test_only_production_is_protected_from_deletion(template: Json, resources: Json) -> None:
    assert template["Conditions"]["IsProduction"] == {"Fn::Equals": [{"Ref": "Stage"}, "production"]}
    for resource in resources.values():
        if resource["Type"] == "AWS::DynamoDB::Table":
            assert resource["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["IsProduction", True, False]}


def test_every_reason_for_passing_over_a_check_is_written(resources: Json) -> None:
    skips = [s for r in resources.values() for s in r.get("Metadata", {}).get("checkov", {}).get("skip", [])]

    assert skips
    assert all(len(skip["comment"].split()) >= 5 for skip in skips)


def test_the_dashboard_is_json(resources: Json) -> None:
    body = json.loads(resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])

    assert [widget["properties"]["title"] for widget in body["widgets"]]


def test_functions_are_given_what_their_settings_ask_for(template: Json, resources: Json) -> None:
    usual = template["Globals"]["Function"]["Environment"]["Variables"]
    for function in _functions(resources).values():
        folder = ROOT / function["CodeUri"]
        asked = runpy.run_path(str(folder / "settings.py"))["NEEDS"]
        given = {**usual, **function["Environment"]["Variables"]}
        assert set(asked) <= set(given), folder.name


def test_the_vault_is_keyed_by_pseudonym_alone_and_every_other_table_by_pk_and_sk(resources: Json) -> None:
    keys = {
        name: [key["AttributeName"] for key in resource["Properties"]["KeySchema"]]
        for name, resource in resources.items()
        if resource["Type"] == "AWS::DynamoDB::Table"
    }

    assert keys.pop("VaultTable") == ["pk"]
    assert set(map(tuple, keys.values())) == {("pk", "sk")}
    assert len(keys) == 4
