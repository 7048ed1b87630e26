"""The compiled index."""

import pytest

from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Trigger
from cellwave.domain.errors import NotFound
from cellwave.domain.rules import MINUTE_MS, Rules


def campaign(name: str, trigger: Trigger, on: str = "all") -> Campaign:
    return Campaign(name, "p", "o", on, trigger, 24, "f", "p")


def test_a_cell_leads_to_the_areas_that_campaigns_need_and_to_no_other():
    rules = Rules.compile(
        [campaign("a", AreaEntered("mall")), campaign("b", AreaEntered("city"))],
        {"mall": ["c1", "c2"], "city": ["c2", "c3"], "unused": ["c1", "c4"]},
    )

    assert rules.areas_at("c1") == ("mall",)
    assert rules.areas_at("c2") == ("city", "mall")
    assert rules.areas_at("c4") == ()
    assert set(rules.cells) == {"c1", "c2", "c3"}


def test_a_cell_written_twice_in_an_area_counts_once():
    assert Rules.compile([campaign("a", AreaEntered("mall"))], {"mall": ["c", "c"]}).areas_at("c") == ("mall",)


def test_campaigns_of_an_area_are_sorted_by_minutes_then_name():
    rules = Rules.compile(
        [
            campaign("long", AreaDwelled("mall", 30), on="red"),
            campaign("b", AreaDwelled("mall", 5), on="blue"),
            campaign("a", AreaDwelled("mall", 5), on="red"),
            campaign("enter", AreaEntered("mall"), on="blue"),
        ],
        {"mall": ["c"]},
    )
    mall = rules.areas["mall"]

    assert [(after, c.name) for after, c in mall.dwelled] == [
        (5 * MINUTE_MS, "a"),
        (5 * MINUTE_MS, "b"),
        (30 * MINUTE_MS, "long"),
    ]
    assert [c.name for c in mall.entered] == ["enter"]
    assert sorted(mall.lists) == ["blue", "red"]
    assert set(rules.campaigns) == {"a", "b", "enter", "long"}


def test_an_area_that_is_not_defined_is_refused():
    with pytest.raises(NotFound, match="campaign a needs the area mall"):
        Rules.compile([campaign("a", AreaEntered("mall"))], {"park": ["c"]})


def test_two_campaigns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two campaigns are named a"):
        Rules.compile([campaign("a", AreaEntered("mall"))] * 2, {"mall": ["c"]})


def test_no_campaigns_make_an_index_in_which_nothing_matters():
    assert Rules.compile([], {"mall": ["c"]}).cells == {}
