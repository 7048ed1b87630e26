"""A published world for each test."""

import pytest
from tests.unit.application.world import World, subscribers


@pytest.fixture
def subs() -> list[str]:
    """Six pseudonyms."""
    return subscribers(6)


@pytest.fixture
def world(subs: list[str]) -> World:
    """A world in which the three campaigns are published for them."""
    world = World()
    world.publish(subs=subs)
    return world
