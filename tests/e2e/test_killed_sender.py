"""A sender that dies between claim and send: at the edge nothing leaves twice."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.deployed import Deployed
from tests.e2e.scene import Scene, until, wave

from cellwave_ops.operations import depth

CHANNEL = "mms"
NODE = "sent-once"


def test_a_touch_whose_sender_died_after_the_claim_is_never_sent_by_another(
    deployed: Deployed, scene: Scene, tmp_path: Path
) -> None:
    people = scene.people(6)
    scene.campaign([wave(NODE, CHANNEL)])
    scene.show(scene.seen(who) for who in people)
    touches = {scene.touch(journey) for journey in scene.journeys()}

    lost = _claimed_by_one_that_dies(deployed, tmp_path / "claimed")
    sent: list[str] = []
    sender = scene.sender(CHANNEL, lambda touch, number, text: sent.append(touch))
    until(lambda: sender.poll(1) == 0 and depth(scene.stack, sender.queue_url) == 0, "the queue to be worked off")

    assert lost in touches
    assert sorted(sent) == sorted(touches - {lost})
    assert sender.counts["already_claimed"] == 1
    until(lambda: not scene.report().endings.get("open"), "the window to end")
    assert scene.report().touches[NODE, CHANNEL] == {"unknown": 1, "sent": len(people) - 1}
    assert scene.claim(lost) == "already_claimed"


def _claimed_by_one_that_dies(deployed: Deployed, note: Path) -> str:
    """Let a sender claim a touch, kill it before it sends, and return the touch."""
    script = Path(__file__).with_name("dying_sender.py")
    environment = {**os.environ, **deployed.environment}
    with subprocess.Popen([sys.executable, script, CHANNEL, note], env=environment) as sender:
        try:
            return until(lambda: note.read_text() if note.exists() else "", "the sender to claim")
        finally:
            sender.kill()
