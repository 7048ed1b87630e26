"""What the demo plays with: real serving-cell traces where they lie beside the project, else a generated town."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from cellwave_ops.emulator.lifecycle import PROJECT
from cellwave_ops.sources.examples import DWELL_LIST, example_for_traces
from cellwave_ops.sources.town_files import TownPlan, make_town

Source = Literal["auto", "traces", "town"]
TRACES: Final = PROJECT.parent / "shared" / "data" / "cell_traces" / "traces.csv.gz"
TOWN_PEOPLE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Material:
    """The file to replay, and the folder with campaigns, flows, areas, scripts and lists that fit it."""

    source: str
    file: Path
    folder: Path

    @property
    def lists(self) -> list[Path]:
        """The target lists."""
        return sorted((self.folder / "lists").glob("*.csv"))

    @property
    def people(self) -> Path:
        """The list of those who may come to the front line."""
        return self.folder / "lists" / f"{DWELL_LIST}.csv"


def prepare(folder: Path, source: Source, seed: int) -> Material:
    """Make the demo's material in a folder. Raises DocumentError where the traces cannot be read."""
    folder.mkdir(parents=True, exist_ok=True)
    if source == "traces" or (source == "auto" and TRACES.exists()):
        example_for_traces(TRACES, folder)
        return Material("traces", TRACES, folder)
    make_town(TownPlan(folder, people=TOWN_PEOPLE, days=1, seed=seed))
    return Material("town", folder / "events.jsonl.zst", folder)
