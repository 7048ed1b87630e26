"""The command as a person meets it: help that is enough, refusals that say what to do, never a traceback."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.unit.application.world import World
from tests.unit.channels.fakes import FakeApi, FakeQueue
from tests.unit.cli.conftest import Runs
from typer.testing import CliRunner, Result

from cellwave.application.report import Report
from cellwave_ops.channels.client import ApiError
from cellwave_ops.cli import app as application
from cellwave_ops.cli import channels, documents, stack
from cellwave_ops.cli.app import app, main
from cellwave_ops.cli.stack import written_clock
from cellwave_ops.emulator import lifecycle
from cellwave_ops.sources.examples import write_examples
from cellwave_ops.stack import StackError, state_folder

WORDS = {
    "up": ["--port", "--scale", "--start", "--instance", "Harmless where it runs already", "4566"],
    "deploy": ["--env", "staging", "AWS_ENDPOINT_URL", "AWS_PROFILE", "--instance"],
    "status": ["--json", "Exits 1"],
    "down": ["--purge", "--all", "Harmless where none runs"],
    "demo": ["--source", "auto", "town", "--seed", "--keep", "Exits 1", ".cellwave/demo"],
    "publish": ["campaigns/, flows/", "areas.json", "Nothing changes unless all of it is right", "--counts-from"],
    "report": ["--json", "Exits 1"],
    "match": ["--campaigns", "--areas", "--lists", "--events", "--out", "Exits 0"],
    "replay": ["--speed", "--rebase", "--tee", "--quarantine", "Exits 0"],
    "redrive": ["--json", "24 hours", "exits 1"],
    "town": ["--out", "--people", "--seed", "--noise"],
    "poll": ["sms, mms, push, email, outbound_call", "--public", "--idle", "Never sends a touch twice"],
    "front": ["`sub` column", "--visits", "--idle", "Ctrl-C"],
    "lists load": [".csv.gz", "Parquet", "`sub`", "E.164"],
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "300", "TERM": "dumb"})


@pytest.mark.parametrize("command", WORDS)
def test_help_says_enough_to_use_it(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    said = re.sub(r"\s+", " ", result.output)
    assert [word for word in WORDS[command] if word not in said] == []
    options = re.findall(r"^ +(--[a-z-]+)(.*)$", result.output, re.MULTILINE)
    assert [option for option, rest in options if not re.search(r"[a-z]{2}", rest)] == [], "an option without a word"


def test_every_command_is_listed_and_has_its_words() -> None:
    names = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert names | {"lists load"} == set(WORDS)


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["up", "--port", "0"],
        ["up", "--scale", "nan"],
        ["up", "--start", "yesterday"],
        ["up", "--start", "2026-11-02"],
        ["down", "--instance", "..", "--purge"],
        ["down", "--instance", "../../etc", "--purge"],
        ["status", "--instance", ""],
        ["poll", "counter"],
        ["demo", "--source", "moon"],
        ["lists", "load", "name-only"],
    ],
)
def test_what_is_no_command_exits_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output


def test_an_instance_from_the_environment_must_be_a_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWAVE_INSTANCE", "../..")
    assert run("down", "--purge").exit_code == 2


class TestRefusals:
    """What `main` makes of errors."""

    @pytest.fixture
    def ended(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
        def end(*arguments: str, fails: Exception | None = None) -> str:
            if fails:
                monkeypatch.setattr(application, "app", lambda: (_ for _ in ()).throw(fails))
            monkeypatch.setattr(sys, "argv", ["cellwave", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
            assert ended.value.code == 1
            return capsys.readouterr().err

        return end

    @pytest.mark.parametrize(
        "arguments",
        [
            ["report"],
            ["report", "--json"],
            ["poll", "sms"],
            ["deploy"],
        ],
    )
    def test_without_a_stack_every_command_says_how_to_get_one(
        self, ended: Callable[..., str], arguments: list[str]
    ) -> None:
        said = ended(*arguments)
        assert "cellwave up" in said
        assert said.startswith("cellwave: ")

    def test_without_the_emulators_environment_up_says_make_setup(
        self, ended: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        from cellwave_ops.emulator.errors import StackNotInstalledError

        def up(*_: object) -> None:
            raise StackNotInstalledError(tmp_path / "python")

        monkeypatch.setattr(lifecycle, "up", up)
        assert "run `make setup`" in ended("up")

    def test_an_unknown_environment_is_named_with_the_known_ones(self, ended: Callable[..., str]) -> None:
        assert "no environment 'prod': take one of local, staging, production" in ended("deploy", "--env", "prod")

    @pytest.mark.parametrize(
        ("fails", "words"),
        [
            (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetItem"), "GetItem was refused"),
            (EndpointConnectionError(endpoint_url="http://x"), "Does the stack run"),
            (ApiError("/v1/claims", 0, {"title": "TimeoutError"}), "the channel API did not answer at /v1/claims"),
            (PermissionError(13, "Permission denied", "/etc/x"), "/etc/x: Permission denied"),
            (OSError("odd"), "odd"),
        ],
    )
    def test_what_aws_or_the_system_refuses_is_a_message(
        self, ended: Callable[..., str], fails: Exception, words: str
    ) -> None:
        assert words in ended(fails=fails)

    def test_documents_are_read_before_a_stack_is_sought(self, ended: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "areas.json").write_text("{")
        assert "areas.json:1" in ended("publish", str(tmp_path))

    def test_numbers_that_are_none_are_told_by_line_and_not_shown(
        self, ended: Callable[..., str], tmp_path: Path
    ) -> None:
        (tmp_path / "list.csv").write_text("sub\n+999850001234\n99985000-secret\n")
        said = ended("lists", "load", "friends", "list.csv")
        assert "list.csv:3" in said
        assert "secret" not in said

    def test_an_empty_list_is_refused(self, ended: Callable[..., str], tmp_path: Path) -> None:
        (tmp_path / "list.csv").write_text("sub\n")
        assert "the list is empty (put at least one subscriber on it)" in ended("lists", "load", "friends", "list.csv")


class TestUp:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch, runs: Runs) -> list[tuple[str, int, str]]:
        asked: list[tuple[str, int, str]] = []

        def up(instance: str, port: int, clock: str) -> lifecycle.Running:
            asked.append((instance, port, clock))
            return lifecycle.status(instance) or runs(instance, port, clock)

        monkeypatch.setattr(lifecycle, "up", up)
        return asked

    def test_it_listens_on_4566_by_the_wall_unless_told(self, asked: list[Any]) -> None:
        result = run("up")
        assert asked == [("local", 4566, "wall")]
        assert "http://127.0.0.1:4566" in result.output

    def test_twice_is_harmless_whatever_port_and_clock_it_has(self, asked: list[Any], runs: Runs) -> None:
        runs("demo", 4571, "1,1,3600.0")
        for more in ([], ["--scale", "3600"], ["--port", "4571"]):
            assert "runs already" in run("up", "--instance", "demo", *more).output
        assert asked == [("demo", 4571, "1,1,3600.0")] * 3

    def test_another_clock_is_asked_for_and_refused_below(self, asked: list[Any], runs: Runs) -> None:
        runs(clock="1,1,3600.0")
        run("up", "--scale", "60")
        assert asked[0][2].endswith(",60.0")

    def test_stream_time_may_begin_at_any_moment(self) -> None:
        assert re.fullmatch(r"\d{13},1793577600000,2", written_clock(2, "2026-11-02T00:00:00+00:00"))
        assert written_clock(1, "now") == "wall"


def test_down_all_stops_instances_and_leaves_what_lies_beside_them(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs("a")
    runs("b")
    (tmp_path / ".cellwave" / "outbox").mkdir()
    downed: list[str] = []
    monkeypatch.setattr(lifecycle, "down", lambda name, purge: bool(downed.append(name)))  # type: ignore[func-returns-value]
    result = run("down", "--all")
    assert downed == ["a", "b"]
    assert "a: did not run" in result.output


class TestStatus:
    def test_what_runs_is_told_even_where_nothing_is_deployed(
        self, runs: Runs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def connect() -> None:
            raise StackError("no stack: deploy it")

        monkeypatch.setattr(stack, "connect", connect)
        runs()
        result = run("status", "--json")
        assert result.exit_code == 1
        told = json.loads(result.stdout)
        assert (told["running"], told["stack"], told["mend"]) == (True, None, "no stack: deploy it")
        assert "no stack: deploy it" in run("status").output

    def test_counts_lists_and_nothing_are_readable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stack, "connect", lambda: None)
        document = {"queued": {"sms": 1_200}, "campaigns": [], "flows": ["a@1", "b@2"], "lists": {}, "late": 12_000}
        monkeypatch.setattr(stack, "stack_status", lambda _: document)
        shown = run("status").output
        assert "sms 1,200" in shown
        assert "a@1, b@2" in shown
        assert re.search(r"campaigns +│ none", shown)
        assert re.search(r"running +│ no", shown)


class TestReport:
    @pytest.fixture
    def told(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
        def tell(*arguments: str, **changes: Any) -> Result:
            counted = Report(
                **{
                    "at": 0,
                    "stream": {"events": 57_465},
                    "matches": {"ringback": 3},
                    "fates": {"touched": 2, "held_out": 1},
                    "touches": {("text", "sms"): {"sent": 1, "failed": 1}, ("counter", "web"): {"shown": 1}},
                    "answers": {("sms", "accepted"): 1, ("sms", "sent"): 1, ("web", "refused"): 1},
                    "endings": {"accepted": 2, "held_out": 1},
                    **changes,
                }
            )
            monkeypatch.setattr(documents, "connect", lambda: None)
            monkeypatch.setattr(documents, "stack_report", lambda _: counted)
            return run("report", *arguments)

        return tell

    def test_touches_have_a_row_a_wave_and_channel_and_a_column_a_state(self, told: Callable[..., Result]) -> None:
        result = told()
        assert result.exit_code == 0
        assert re.search(r"wave +┃ channel +┃ sent ┃ failed ┃ shown ┃ in all", result.output)
        assert re.search(r"text +│ sms +│ +1 │ +1 │ +0 │ +2 │", result.output)

    def test_outcomes_have_a_row_a_channel(self, told: Callable[..., Result]) -> None:
        assert re.search(r"channel ┃ accepted ┃ refused ┃ sent ┃ in all", told().output)

    def test_every_fate_is_told_even_if_nobody_met_it(self, told: Callable[..., Result]) -> None:
        said = told().output
        for fate in ("held out", "suppressed", "expired", "no capacity", "touched"):
            assert re.search(rf"{fate} +│ +\d", said)

    def test_no_line_is_wider_than_100(self, told: Callable[..., Result]) -> None:
        assert max(map(len, told().output.splitlines())) <= 100

    def test_as_json_it_is_whole(self, told: Callable[..., Result]) -> None:
        document = json.loads(told("--json").stdout)
        assert document["matches"] == {
            "total": 3,
            "by_campaign": {"ringback": 3},
            "by_fate": {"touched": 2, "held_out": 1},
        }
        assert {"wave": "text", "channel": "sms", "sent": 1, "failed": 1} in document["touches"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"stuck": ["j1", "j2"]}, "2 journeys should have moved on and did not: j1, j2"),
            ({"unopened": ["ringback at 5"]}, "1 matches have no journey: ringback at 5"),
        ],
    )
    def test_what_is_lost_exits_1_and_is_said(
        self, told: Callable[..., Result], changes: dict[str, Any], words: str
    ) -> None:
        result = told(**changes)
        assert result.exit_code == 1
        assert words in result.output


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A stack in memory."""
    world = World()
    wiring = SimpleNamespace(registry=world.registry, clients=SimpleNamespace(sqs=None))
    api = FakeApi()
    found = SimpleNamespace(wiring=wiring, clock=lambda: world.clock, channel_queues={"sms": "q"}, api=lambda: api)
    for module in (documents, channels):
        monkeypatch.setattr(module, "connect", lambda: found)
    return found


class TestPublish:
    def test_what_is_published_is_told_and_the_second_time_nothing_is_new(self, deployed: Any, tmp_path: Path) -> None:
        write_examples(tmp_path, {"mall": ["001-01-1-1"]}, "mall", [])
        shutil.rmtree(tmp_path / "campaigns")
        first = run("publish", str(tmp_path))
        assert first.exit_code == 0
        assert "three-wave@1" in first.output
        assert "1, 5" in first.output
        assert "Nothing new: version 1 says all of it already." in run("publish", str(tmp_path)).output

    def test_a_start_that_is_none_exits_2(self, deployed: Any, tmp_path: Path) -> None:
        write_examples(tmp_path, {"mall": ["001-01-1-1"]}, "mall", [])
        assert run("publish", str(tmp_path), "--counts-from", "soon").exit_code == 2


class TestChannels:
    def test_poll_counts_what_it_did_and_shows_no_number(self, deployed: Any) -> None:
        deployed.wiring.clients.sqs = FakeQueue('{"touch": "a"}')
        result = run("poll", "sms", "--idle", "0.01", "--json")
        assert json.loads(result.stdout) == {"claimed": 1, "sent": 1}
        assert "999850001234" not in result.output
        assert "…34" in (state_folder() / "outbox" / "sms.jsonl").read_text(encoding="utf-8")

    def test_poll_tells_its_counts_even_when_the_stack_goes_away(self, deployed: Any) -> None:
        deployed.wiring.clients.sqs = FakeQueue('{"touch": "a"}')
        deployed.api().refusals["/v1/claims"] = 0
        result = run("poll", "sms", "--json")
        assert isinstance(result.exception, ApiError)
        assert json.loads(result.stdout) == {}

    def test_front_needs_a_list_that_can_be_read(self, deployed: Any) -> None:
        result = run("front", "nobody.csv")
        assert result.exit_code == 1
        assert "nobody.csv" in str(result.exception)

    def test_front_stops_when_told(self, deployed: Any, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text("sub\n999850001234\n")
        result = run("front", "people.csv", "--visits", "24", "--idle", "0.01", "--json")
        assert json.loads(result.stdout)["visits"] == 1
        assert "999850001234" not in result.output


def test_a_clock_is_shown_in_words() -> None:
    assert stack._clock_in_words("wall") == "the wall's"
    assert stack._clock_in_words("0,86400000,3600.0").startswith("3600 times the wall's; it stood at 1970-01-02 00:00")
