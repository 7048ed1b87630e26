"""What an answer does: it takes its port, and an accept or a refuse stops everything else of the product."""

from tests.e2e.scene import Scene, until, wave

from cellwave.domain.journey import ending
from cellwave_ops.stack import Stack


def test_an_accept_at_the_counter_revokes_what_other_campaigns_of_the_product_have_queued(
    stack: Stack, scene: Scene
) -> None:
    customer, other = scene.people(2)
    counter = scene.campaign([wave("counter", "counter", hours=12)], name="counter", product="tone")
    text = scene.campaign([wave("text", "email", hours=12)], name="text", product="tone")
    call = scene.campaign([wave("call", "outbound_call", hours=12)], name="call", product="tone")
    another = scene.campaign([wave("pass", "email", hours=12)], name="pass", product="pass")
    scene.show([scene.seen(customer), scene.seen(other)])
    queued = {name: scene.touch(scene.journey(customer, name)) for name in (text, call, another)}

    [offer] = stack.api().post("/v1/offers", {"msisdn": f"+{customer}", "channel": "counter"})["items"]
    answer = {"touch": offer["touch"], "outcome": "accepted", "channel": "counter"}
    recorded = stack.api().post("/v1/outcomes", answer)

    assert recorded["changed"] == 3
    assert {scene.journey(customer, name).port for name in (counter, text, call)} == {"accepted"}
    assert scene.claim(queued[text]) == "revoked"
    assert scene.claim(queued[call]) == "revoked"
    assert {scene.journey(customer, name).touch for name in (text, call)} == {"queued"}
    assert stack.api().post("/v1/offers", {"msisdn": customer, "channel": "counter"})["items"] == []
    # Another product, and another customer, go on.
    assert scene.claim(queued[another]) == "claimed"
    assert scene.claim(scene.touch(scene.journey(other, call))) == "claimed"


def test_every_port_is_taken_by_what_stands_for_it(stack: Stack, scene: Scene) -> None:
    ports = ("accepted", "refused", "considering", "undeliverable", "no_response", "context_expired")
    people = dict(zip(ports, scene.people(len(ports)), strict=True))
    follow = dict.fromkeys(ports[2:], "then")
    scene.campaign([wave("first", "email", next=follow), wave("then", "counter")])
    scene.show(scene.seen(who) for who in people.values())
    touches = {port: scene.touch(scene.journey(who)) for port, who in people.items()}

    for port, touch in touches.items():
        if port != "context_expired":
            assert scene.claim(touch) == "claimed"
            outcome = "sent" if port == "no_response" else port
            stack.api().post("/v1/outcomes", {"touch": touch, "outcome": outcome})
    # The others move by the wave machine, when the window is over.
    until(lambda: scene.journey(people["context_expired"]).steps, "the window to end")
    until(lambda: scene.journey(people["no_response"]).steps, "the window to end")

    for port in ports[:2]:
        assert scene.journey(people[port]).port == port
    for port in ports[2:]:
        journey = scene.journey(people[port])
        assert [(step.node, step.port) for step in journey.steps] == [("first", port)]
    assert scene.claim(touches["context_expired"]) == "revoked"
    until(lambda: not scene.report().endings.get("open"), "the last window to end")
    flow = stack.wiring.registry.current().flows[scene.journey(people["considering"]).flow]
    endings = {port: ending(flow, scene.journey(who), scene.now()) for port, who in people.items()}
    assert endings == {"accepted": "accepted", "refused": "refused"} | dict.fromkeys(ports[2:], "no_response")
    assert not scene.report().unopened
