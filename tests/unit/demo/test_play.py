"""Playing the demo: the stack is stopped whatever happens, the report is written whatever it says."""

import fcntl
import json
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.demo.test_judge import GOOD, off
from typer.testing import CliRunner, Result

from cellwave_ops.cli import demo as command
from cellwave_ops.cli.app import app
from cellwave_ops.demo import play
from cellwave_ops.demo.judge import Evidence, judge
from cellwave_ops.demo.play import DemoBusyError, DemoError, Play, Played, free_port
from cellwave_ops.emulator import lifecycle
from cellwave_ops.sources.events import Tally
from cellwave_ops.sources.replay import ReplayResult

REPLAYED = ReplayResult(
    file="events.jsonl.zst",
    format="jsonl",
    producer="replay-1",
    tally=Tally(1_010, Counter(event=1_000), Counter()),
    events=1_000,
    first_ts=1,
    last_ts=2,
    records=20,
    ticks=4,
    requests=3,
    refused=0,
    bytes=2_000_000,
    tick_bytes=100,
    plain_bytes=6_000_000,
    quarantined=0,
    quarantine="",
    seconds=24.0,
)


def played(seen: Evidence) -> Played:
    crew = {"sms": {"claimed": 7}}
    return Played("town", REPLAYED, seen.report, judge(seen), crew, {"starting": 0.0, "in all": 183.2})


@pytest.fixture
def downs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[bool]:
    """Every call to stop the demo's stack, whether it removed its folder."""
    downs: list[bool] = []

    def down(instance: str, *, purge: bool = False) -> bool:
        assert instance == "demo"
        downs.append(purge)
        (tmp_path / "demo").mkdir(exist_ok=True)
        return True

    monkeypatch.setattr(lifecycle, "down", down)
    monkeypatch.setattr(lifecycle, "status", lambda instance: None)
    monkeypatch.setattr(lifecycle, "STATE_ROOT", tmp_path)
    for module in (play, command):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "demo")
        monkeypatch.setattr(module, "RESULT", tmp_path / "demo" / "report.json")
    return downs


@pytest.fixture
def comes_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Set what a play comes to: what is seen, or an exception."""

    def come_to(end: Evidence | BaseException) -> None:
        def run(self: Play) -> Played:
            self.say(0.4, "starting")
            self.show(16.2, 0.5, "half of it")
            if isinstance(end, BaseException):
                raise end
            return played(end)

        monkeypatch.setattr(Play, "_run", run)

    return come_to


def demo(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["demo", *arguments])


def a_play(keep: bool = False) -> Play:
    return Play("town", 7, lambda elapsed, what: None, lambda elapsed, fraction, what: None, keep)


@pytest.mark.parametrize("end", [KeyboardInterrupt(), DemoError("no"), ValueError("a bug"), GOOD])
def test_the_stack_is_stopped_whatever_happens_and_its_folder_stays(
    downs: list[bool], comes_to: Callable[[Any], None], end: Any
) -> None:
    comes_to(end)
    if isinstance(end, BaseException):
        with pytest.raises(type(end)):
            a_play().run()
    else:
        a_play().run()
    assert downs == [True, False]


def test_a_stack_to_be_kept_is_not_stopped(downs: list[bool], comes_to: Callable[[Any], None]) -> None:
    comes_to(GOOD)
    a_play(keep=True).run()
    assert downs == [True]


def test_a_second_demo_leaves_the_first_one_alone(
    downs: list[bool], comes_to: Callable[[Any], None], tmp_path: Path
) -> None:
    comes_to(GOOD)
    with (tmp_path / "demo.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DemoBusyError, match="let it end, or stop it"):
            a_play().run()
        assert "kept in" not in demo().output
    assert downs == []


def test_when_every_port_is_taken_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "is_free", lambda port: port == 4572)
    assert free_port() == 4572
    monkeypatch.setattr(play, "is_free", lambda port: False)
    with pytest.raises(DemoError, match="every port from 4570 to 4599 is in use: free one"):
        free_port()


class TestTheCommand:
    def test_the_last_line_says_that_nothing_was_lost_and_where_the_json_is(
        self, downs: list[bool], comes_to: Callable[[Any], None], tmp_path: Path
    ) -> None:
        comes_to(GOOD)
        result = demo()
        assert result.exit_code == 0
        assert result.stdout.splitlines()[-1] == (
            f"Nothing was lost. All 12 checks hold. 183 s in all. As JSON: {tmp_path / 'demo' / 'report.json'}"
        )
        assert result.stderr.splitlines()[:2] == ["    0 s  starting", "   16 s    half of it"]

    def test_lines_of_progress_come_now_and_then_only(
        self, downs: list[bool], comes_to: Callable[[Any], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(self: Play) -> Played:
            self.say(1, "starting")
            for second in range(2, 40):
                self.show(second, 0.5, f"at {second}")
            return played(GOOD)

        monkeypatch.setattr(Play, "_run", run)
        assert [line.split()[-1] for line in demo().stderr.splitlines() if " at " in line] == ["16", "31"]

    def test_no_line_is_wider_than_100(self, downs: list[bool], comes_to: Callable[[Any], None]) -> None:
        comes_to(off(ends={"answered": 104, "answered_elsewhere": 101, "timed_out": 104, "open": 200}))
        lines = demo().stdout.splitlines()
        assert max(map(len, lines[:-1])) <= 100

    def test_what_is_lost_exits_1_says_so_and_is_written_all_the_same(
        self, downs: list[bool], comes_to: Callable[[Any], None], tmp_path: Path
    ) -> None:
        comes_to(off(sent=1_004, claims=8))
        result = demo()
        assert result.exit_code == 1
        assert "LOST: 4. 2 of 12 checks FAILED. 183 s in all." in result.stdout.splitlines()[-1]
        assert "server.log, deploy.log, channels/*.log" in result.stderr
        written = json.loads((tmp_path / "demo" / "report.json").read_text(encoding="utf-8"))
        assert (written["lost"], written["holds"]) == (4, False)
        assert [check["check"] for check in written["checks"] if not check["holds"]] == [
            "every event sent was taken, once",
            "every claim is a touch in the report",
        ]

    def test_the_json_holds_all_that_the_screen_shows(
        self, downs: list[bool], comes_to: Callable[[Any], None], tmp_path: Path
    ) -> None:
        comes_to(GOOD)
        demo()
        written = json.loads((tmp_path / "demo" / "report.json").read_text(encoding="utf-8"))
        assert written["touches_made"] == {
            "total": 9,
            "answered": 4,
            "answered_elsewhere": 1,
            "timed_out": 4,
            "open": 0,
        }
        assert written["report"]["matches"]["total"] == 10
        assert written["report"]["endings"] == dict(GOOD.report.endings)
        assert written["replay"]["events"] == 1_000
        assert written["channels"] == {"sms": {"claimed": 7}}
        assert written["seconds"]["in all"] == 183.2
        assert written["source"] == "town"

    @pytest.mark.parametrize(
        ("end", "code"), [(DemoError("the channel system 'sms' stopped by itself"), 1), (KeyboardInterrupt(), 130)]
    )
    def test_what_breaks_off_says_where_the_logs_are(
        self, downs: list[bool], comes_to: Callable[[Any], None], end: BaseException, code: int, tmp_path: Path
    ) -> None:
        comes_to(end)
        result = demo()
        assert result.exit_code == code
        assert f"kept in {tmp_path / 'demo'}" in result.stderr

    def test_a_termination_ends_it_in_good_order(self, downs: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
        before = signal.getsignal(signal.SIGTERM)
        monkeypatch.setattr(Play, "_run", lambda self: os.kill(os.getpid(), signal.SIGTERM))
        result = demo()
        assert result.exit_code == 130
        assert downs == [True, False]
        assert signal.getsignal(signal.SIGTERM) == before

    def test_a_kept_stack_is_told_with_how_to_stop_it(self, downs: list[bool], comes_to: Callable[[Any], None]) -> None:
        comes_to(GOOD)
        assert "cellwave down --instance demo" in demo("--keep").stdout
