"""The `cellwave` command, as it is typed."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.deployed import Deployed
from tests.e2e.scene import Scene, wave

COMMAND = Path(sys.executable).with_name("cellwave")


def _cellwave(deployed: Deployed, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # The instance alone, as in a shell: where it is, the command finds out.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"CELLWAVE_INSTANCE": deployed.running.instance, "COLUMNS": "200"}
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=240)


def test_up_and_deploy_again_change_nothing(deployed: Deployed, scene: Scene) -> None:
    [who] = scene.people(1)
    scene.campaign([wave("kept", "push", hours=12)])
    scene.show([scene.seen(who)])
    before = json.loads(_cellwave(deployed, "status", "--json").stdout)

    up = _cellwave(deployed, "up", "--port", str(deployed.running.port))
    deploy = _cellwave(deployed, "deploy")

    after = json.loads(_cellwave(deployed, "status", "--json").stdout)
    assert (up.returncode, deploy.returncode) == (0, 0), up.stderr + deploy.stderr
    assert "runs already" in up.stdout
    changing = ("stream_time",)
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    # Keys are what they were: the touch is still known, its person still found.
    assert scene.claim(scene.touch(scene.journey(who))) == "claimed"


def test_status_and_report_tell_it_as_json(deployed: Deployed, scene: Scene) -> None:
    [who] = scene.people(1)
    scene.campaign([wave("told", "push", hours=12)])
    scene.show([scene.seen(who)])

    status = json.loads(_cellwave(deployed, "status", "--json").stdout)
    reported = _cellwave(deployed, "report", "--json")

    assert status["running"]
    assert scene.name in status["campaigns"]
    assert status["lists"][scene.name] == 1
    assert status["dead_letters"].keys() == status["queued"].keys()
    report = json.loads(reported.stdout)
    assert report["matches"]["by_campaign"][scene.name] == 1
    assert report["unopened"] == []


def test_publishing_a_broken_folder_names_file_line_path_and_mend_and_changes_nothing(
    deployed: Deployed, scene: Scene, tmp_path: Path
) -> None:
    version = deployed.stack.wiring.registry.current().version
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "campaigns" / "one.json").write_text(
        '{\n"campaign": "one", "product": "p", "offer": "o",\n"targets": {"list": "l"}, "flow": "f",\n'
        '"trigger": {"kind": "area_dwelled", "area": "mall", "minutes": 0},\n"respond_within_hours": 24}\n'
    )
    (tmp_path / "areas.json").write_text("{")

    done = _cellwave(deployed, "publish", tmp_path)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "one.json:4: $.trigger.minutes" in done.stderr
    assert "areas.json:1" in done.stderr
    assert all("; " in line or "(" in line for line in done.stderr.splitlines() if ".json:" in line)
    assert deployed.stack.wiring.registry.current().version == version


def test_a_list_with_a_row_that_is_no_number_is_refused_by_line_and_the_row_is_not_shown(
    deployed: Deployed, scene: Scene, tmp_path: Path
) -> None:
    file = tmp_path / "people.csv"
    file.write_text("sub\n+353850000001\n0850000042\n")

    done = _cellwave(deployed, "lists", "load", scene.name, file)

    assert done.returncode == 1
    assert "people.csv:3" in done.stderr
    assert "country code" in done.stderr
    assert "0850000042" not in done.stdout + done.stderr
    assert scene.name not in json.loads(_cellwave(deployed, "status", "--json").stdout)["lists"]
