"""What a folder publishes."""

import json
from pathlib import Path

import pytest

from cellwave.domain.errors import DocumentError
from cellwave.domain.ruleset import ListVersion, Ruleset
from cellwave_ops.operations import read_publication
from cellwave_ops.sources.examples import write_examples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_examples(tmp_path, {"mall": ["001-01-1-1"], "station": ["001-01-1-2"]}, "mall", ["station"])
    return tmp_path


def test_a_whole_folder_is_read(folder: Path) -> None:
    found = read_publication(folder)
    assert {campaign.name for campaign in found.campaigns} == {"ringback-mall", "day-pass-station"}
    assert {flow.name for flow in found.flows} == {"three-wave", "two-step"}
    assert set(found.areas) == {"mall", "station"}
    assert "rbt-sms" in found.scripts


def test_part_of_it_will_do(folder: Path) -> None:
    for name in ("campaigns", "flows"):
        for file in (folder / name).iterdir():
            file.unlink()
        (folder / name).rmdir()
    (folder / "areas.json").unlink()
    found = read_publication(folder)
    assert (list(found.campaigns), list(found.flows), dict(found.areas)) == ([], [], {})
    assert found.scripts


def test_every_problem_of_every_file_is_told_at_once(folder: Path) -> None:
    (folder / "areas.json").write_text("{")
    (folder / "scripts.json").write_text(json.dumps({"scripts": {"rbt-sms": 7}}))
    (folder / "flows" / "three-wave.json").write_text("7")
    with pytest.raises(DocumentError) as raised:
        read_publication(folder)
    assert {Path(problem.source).name for problem in raised.value.problems} == {
        "areas.json",
        "scripts.json",
        "three-wave.json",
    }


@pytest.mark.parametrize(("where", "reason"), [("empty", "nothing to publish here"), ("missing", "no such folder")])
def test_a_folder_without_any_of_it_says_what_belongs_there(tmp_path: Path, where: str, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DocumentError, match=reason + r" \(it takes campaigns/, flows/, areas.json"):
        read_publication(tmp_path / where)


def test_a_name_that_leads_nowhere_is_told_with_its_line_and_the_nearest_one(tmp_path: Path) -> None:
    write_examples(tmp_path, {"mall": ["001-01-1-1"]}, "mall", [])
    file = tmp_path / "campaigns" / "ringback-mall.json"
    file.write_text(file.read_text().replace('"area": "mall"', '"area": "mal"'))
    with pytest.raises(DocumentError) as raised:
        read_publication(tmp_path, Ruleset(lists={"ringback-2026-11": ListVersion("ringback-2026-11", 1, 1, "p")}))
    [problem] = raised.value.problems
    assert (Path(problem.source).name, problem.path, problem.line > 1) == ("ringback-mall.json", "$.trigger.area", True)
    assert '"mall"' in problem.mend
