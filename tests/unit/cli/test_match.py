"""The `cellwave match` command."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cellwave.domain.errors import DocumentError
from cellwave_ops.cli.match import match, run_match  # type: ignore[attr-defined]

MINUTE = 60_000
CAMPAIGN = {
    "campaign": "mall",
    "product": "tone",
    "offer": "half-price",
    "targets": {"list": "callers"},
    "trigger": {"kind": "area_dwelled", "area": "mall", "minutes": 20},
    "respond_within_hours": 24,
    "flow": "three-wave",
}


class Job:
    """A folder with everything that the command asks for."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.out = folder / "matches.jsonl"
        (folder / "campaigns").mkdir()
        (folder / "lists").mkdir()
        self.write("campaigns/mall.json", CAMPAIGN)
        self.write("areas.json", {"mall": ["c1"]})
        (folder / "lists" / "callers.csv").write_text("sub\nbela\nanna\n")
        self.events(self.seen("anna", 1), self.seen("bela", 2), self.seen("zoe", 3 + 20 * MINUTE))

    def write(self, name: str, document: object) -> None:
        (self.folder / name).write_text(json.dumps(document))

    def events(self, *lines: object) -> None:
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        (self.folder / "events.jsonl").write_text(text)

    @staticmethod
    def seen(sub: str, ts: int) -> dict[str, object]:
        return {"sub": sub, "ts": ts, "type": "sighting", "cell": "c1"}

    def run(self, *more: str) -> Result:
        app = typer.Typer()
        app.command()(match)
        names = {"campaigns": "campaigns", "areas": "areas.json", "lists": "lists", "events": "events.jsonl"}
        options = [part for name, file in names.items() for part in (f"--{name}", str(self.folder / file))]
        return CliRunner().invoke(app, [*options, "--out", str(self.out), *more])


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def test_one_line_a_match_in_the_order_of_trigger_time(job):
    result = job.run()

    assert result.exit_code == 0, result.stderr
    assert job.out.read_text() == (
        '{"campaign": "mall", "sub": "anna", "trigger_ts": 1200001, "held_out": false}\n'
        '{"campaign": "mall", "sub": "bela", "trigger_ts": 1200002, "held_out": false}\n'
    )
    assert "3 events, 2 matches (0 held out), 0 lines left out" in result.stderr
    assert result.stdout == ""


def test_home_networks_and_handsets_are_accepted(job):
    assert job.run("--home-plmn", "46000,46002", "--tac", "tac.csv").exit_code == 0


def test_bad_event_lines_are_left_out_counted_and_told_and_the_exit_is_3(job):
    job.events(*(["nonsense"] * 25), job.seen("anna", 1), job.seen("anna", 1 + 20 * MINUTE))

    result = job.run()

    assert result.exit_code == 3
    assert len(job.out.read_text().splitlines()) == 1
    assert result.stderr.count("events.jsonl:") == 20
    assert "events.jsonl:1: not JSON" in result.stderr
    assert "... and 5 more" in result.stderr
    assert "25 lines left out" in result.stderr


def test_a_bad_document_ends_with_all_problems_exit_1_and_no_output(job):
    job.write("campaigns/bad.json", {**CAMPAIGN, "campaign": "bad", "value": "x"})
    job.write("areas.json", {"mall": []})

    result = job.run()

    assert result.exit_code == 1
    assert "bad.json:1: $.value: expected a number" in result.stderr
    assert "areas.json:1: $.mall: " in result.stderr
    assert list(job.folder.glob("matches*")) == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda job: (job.folder / "lists/callers.csv").rename(job.folder / "lists/caller.csv"), "did you mean"),
        (lambda job: (job.folder / "lists/callers.csv").write_text("msisdn\nanna\n"), 'no column "sub"'),
        (lambda job: (job.folder / "lists/callers.csv.gz").write_text(""), "holds the list callers too"),
        (lambda job: job.write("areas.json", {"malls": ["c1"]}), 'did you mean "malls"?'),
        (lambda job: (job.folder / "events.jsonl").unlink(), "cannot be read"),
    ],
)
def test_what_the_documents_name_must_be_there(job, spoil, words):
    spoil(job)

    result = job.run()

    assert result.exit_code == 1
    assert words in result.stderr
    assert not job.out.exists()


def test_an_output_that_cannot_be_written_is_told(job):
    job.out = job.folder / "nowhere" / "matches.jsonl"

    result = job.run()

    assert result.exit_code == 1
    assert "cannot be written: no such folder" in result.stderr


def test_a_list_that_no_campaign_names_is_not_read(job):
    (job.folder / "lists" / "other.parquet").write_text("no parquet at all")

    assert job.run().exit_code == 0


def test_the_plain_function_returns_what_it_came_to(job):
    names = ("campaigns", "areas.json", "lists", "events.jsonl", "matches.jsonl")
    summary = run_match(*(job.folder / name for name in names))

    assert (summary.events, summary.matches, summary.held_out, summary.bad_lines) == (3, 2, 0, 0)


def test_the_plain_function_raises_the_problems(job):
    job.write("areas.json", {})

    with pytest.raises(DocumentError):
        run_match(*(job.folder / name for name in ("campaigns", "areas.json", "lists", "events.jsonl", "out")))
