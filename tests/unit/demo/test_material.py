"""The demo's material: real traces where they lie beside the project, else a town."""

import json
from pathlib import Path

import pytest

from cellwave.domain.errors import DocumentError
from cellwave_ops.demo import material
from cellwave_ops.demo.material import prepare
from cellwave_ops.operations import read_publication
from cellwave_ops.sources.numbers import read_numbers

SAMPLES = Path(__file__).parents[3] / "events"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(material, "TOWN_PEOPLE", 40)
    monkeypatch.setattr(material, "TRACES", tmp_path / "traces.csv")


def traces(folder: Path) -> None:
    [sample] = sorted(SAMPLES.glob("*traces*.csv"))[:1]
    (folder / "traces.csv").write_bytes(sample.read_bytes())


def test_without_traces_it_is_the_town_and_all_of_it_can_be_published(tmp_path: Path) -> None:
    made = prepare(tmp_path / "m", "auto", 7)
    assert made.source == "town"
    publication = read_publication(made.folder)
    named = {campaign.target_list for campaign in publication.campaigns}
    assert {file.stem for file in made.lists} == named
    assert read_numbers(made.people)
    assert made.file.exists()


def test_the_same_seed_makes_the_same_town(tmp_path: Path) -> None:
    one, again, other = (prepare(tmp_path / name, "town", seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one.file.read_bytes() == again.file.read_bytes() != other.file.read_bytes()


def test_with_traces_beside_the_project_it_is_the_traces(tmp_path: Path) -> None:
    traces(tmp_path)
    made = prepare(tmp_path / "m", "auto", 7)
    assert (made.source, made.file) == ("traces", tmp_path / "traces.csv")
    assert json.loads((made.folder / "areas.json").read_text())
    assert read_numbers(made.people)


def test_the_town_is_taken_when_asked_for_even_with_traces(tmp_path: Path) -> None:
    traces(tmp_path)
    assert prepare(tmp_path / "m", "town", 7).source == "town"


def test_traces_that_are_asked_for_and_not_there_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"traces\.csv"):
        prepare(tmp_path / "m", "traces", 7)
