"""The reference channel system: at most once at the edge, whatever fails."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.unit.channels.fakes import FakeApi, FakeQueue

from cellwave_ops.channels.client import ApiError
from cellwave_ops.channels.counts import Counts
from cellwave_ops.channels.public import ODDS, reply
from cellwave_ops.channels.sender import Send, Sender, outbox

HOUR = 3_600_000


class Network:
    """What was handed to it; dies when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.dies = False

    def __call__(self, touch: str, number: str, text: str) -> None:
        if self.dies:
            raise OSError("the network is gone")
        self.sent.append((touch, number, text))


def touch(name: str) -> str:
    return json.dumps({"touch": name})


def system(queue: FakeQueue, api: FakeApi, send: Send, *, seed: int | None = None, now: int = HOUR) -> Sender:
    return Sender("sms", "queue", queue, api, send, lambda: now, seed)  # type: ignore[arg-type]


def who_says(answer: str) -> str:
    """A touch whose person answers so under seed 1."""
    return next(name for name in (f"touch-{n}" for n in range(1000)) if reply(1, "sms", name).answer == answer)


def test_what_is_claimed_is_sent_once_reported_and_deleted() -> None:
    queue, api, network = FakeQueue(touch("a"), touch("b")), FakeApi(), Network()
    sender = system(queue, api, network)
    assert sender.poll(0) == 2
    assert sorted(network.sent) == [
        ("a", "999850001234", "words for a"),
        ("b", "999850001234", "words for b"),
    ]
    assert sorted(api.outcomes()) == [("a", "sent"), ("b", "sent")]
    assert queue.messages == {}
    assert sender.counts == {"claimed": 2, "sent": 2}


@pytest.mark.parametrize("verdict", ["revoked", "expired", "already_claimed"])
def test_what_may_not_leave_is_deleted_unsent(verdict: str) -> None:
    queue, api, network = FakeQueue(touch("a")), FakeApi(), Network()
    api.verdicts["a"] = verdict
    sender = system(queue, api, network)
    sender.poll(0)
    assert (network.sent, api.outcomes(), queue.messages) == ([], [], {})
    assert sender.counts == {verdict: 1}


@pytest.mark.parametrize("body", ["not even JSON", '{"hello": "queue"}', '{"touch": 7}', "[]", "[" * 100_000])
def test_poison_is_left_alone_and_counts_once(body: str) -> None:
    queue, api, network = FakeQueue(body, touch("a")), FakeApi(), Network()
    sender = system(queue, api, network)
    sender.poll(0)
    sender.poll(0)
    assert list(queue.messages.values()) == [body]
    assert sender.counts == {"poison": 1, "claimed": 1, "sent": 1}


@pytest.mark.parametrize("status", [400, 404])
def test_a_touch_that_the_api_does_not_know_is_poison(status: int) -> None:
    queue, api = FakeQueue(touch("a")), FakeApi()
    api.refusals["/v1/claims"] = status
    sender = system(queue, api, Network())
    sender.poll(0)
    assert queue.messages
    assert sender.counts == {"poison": 1}


def test_a_claim_that_fails_is_tried_again_at_the_next_look() -> None:
    queue, api, network = FakeQueue(touch("a")), FakeApi(), Network()
    api.refusals["/v1/claims"] = 500
    sender = system(queue, api, network)
    sender.poll(0)
    assert (network.sent, sender.counts) == ([], {"failed": 1})
    api.refusals.clear()
    sender.poll(0)
    assert [name for name, _, _ in network.sent] == ["a"]
    assert queue.messages == {}


def test_without_an_api_it_stops_and_leaves_every_message() -> None:
    queue, api = FakeQueue(touch("a")), FakeApi()
    api.refusals["/v1/claims"] = 0
    with pytest.raises(ApiError, match="did not answer"):
        system(queue, api, Network()).poll(0)
    assert queue.messages


def test_dying_between_claim_and_send_leaves_the_touch_unsent_for_good() -> None:
    queue, api, network = FakeQueue(touch("a")), FakeApi(), Network()
    network.dies = True
    with pytest.raises(OSError, match="gone"):
        system(queue, api, network).poll(0)
    assert queue.messages, "deleted before the claim was used"
    network.dies = False
    second = system(queue, api, network)
    second.poll(0)
    assert (network.sent, queue.messages) == ([], {})
    assert second.counts == {"already_claimed": 1}


def test_a_report_that_fails_is_made_later_and_the_text_is_not_sent_again() -> None:
    queue, api, network = FakeQueue(touch("a")), FakeApi(), Network()
    api.refusals["/v1/outcomes"] = 503
    sender = system(queue, api, network)
    sender.poll(0)
    assert "sent" not in sender.counts
    api.refusals.clear()
    sender.poll(0)
    assert sender.counts["sent"] == 1
    assert len(network.sent) == 1
    assert sender.agenda.is_empty


def test_a_report_that_is_refused_for_good_is_not_made_again() -> None:
    queue, api = FakeQueue(touch("a")), FakeApi()
    api.refusals["/v1/outcomes"] = 404
    sender = system(queue, api, Network())
    sender.poll(0)
    assert sender.agenda.is_empty


def test_answers_are_reported_when_they_are_due_and_bear_that_time() -> None:
    name = who_says("accepted")
    said = reply(1, "sms", name)
    queue, api = FakeQueue(touch(name)), FakeApi()
    sender = system(queue, api, Network(), seed=1)
    sender.poll(0)
    sender.now = lambda: HOUR + said.after - 1
    sender.poll(0)
    assert api.outcomes() == [(name, "sent")]
    sender.now = lambda: HOUR + said.after
    sender.poll(0)
    assert api.outcomes() == [(name, "sent"), (name, "accepted")]
    assert api.calls[-1][1]["at"] == HOUR + said.after


def test_the_undeliverable_is_reported_and_not_sent() -> None:
    name = who_says("undeliverable")
    queue, api, network = FakeQueue(touch(name)), FakeApi(), Network()
    system(queue, api, network, seed=1).poll(0)
    assert (network.sent, api.outcomes(), queue.messages) == ([], [(name, "undeliverable")], {})


def test_without_a_public_nobody_answers() -> None:
    queue, api = FakeQueue(*(touch(f"touch-{n}") for n in range(10))), FakeApi()
    sender = system(queue, api, Network())
    sender.poll(0)
    assert sender.agenda.is_empty
    assert {outcome for _, outcome in api.outcomes()} == {"sent"}


def test_the_outbox_masks_the_number(tmp_path: Path) -> None:
    outbox(tmp_path / "deep" / "out.jsonl")("a-touch", "999850001234", "Grüße")
    line = (tmp_path / "deep" / "out.jsonl").read_text(encoding="utf-8")
    assert json.loads(line) == {"touch": "a-touch", "to": "…34", "text": "Grüße"}


class Hesitant(Counts):
    """Another thread's turn comes between reading and writing."""

    def __missing__(self, name: str) -> int:
        time.sleep(0.01)
        return 0


def test_no_count_is_lost_among_threads() -> None:
    counts = Hesitant()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(counts.add, ["x"] * 4))
    assert counts == {"x": 4}


def test_every_port_occurs_among_a_hundred_texts() -> None:
    said = {reply(1, "sms", f"touch-{n}").answer for n in range(100)}
    assert said == {*ODDS["sms"], ""}
