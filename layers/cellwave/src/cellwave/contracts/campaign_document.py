"""The campaign document: what, for whom, when, why, as marketers write it."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from cellwave.contracts.diagnosis import NAME, TITLE, Document
from cellwave.contracts.positions import Path
from cellwave.domain.campaign import AreaDwelled, AreaEntered, Campaign, Trigger

Name = Annotated[str, StringConstraints(pattern=NAME)]
Title = Annotated[str, StringConstraints(pattern=TITLE)]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TODAYS_TRIGGERS: Final = "use area_entered or area_dwelled for now"

LATER: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "area_visited",
            "device_changed",
            "roaming_started",
            "roaming_for",
            "forwarded_then_powered_on",
            "called",
            "texted",
            "browsed",
            "powered_on",
            "sequence",
            "absent",
        ),
        _TODAYS_TRIGGERS,
    ),
    "trigger": "add a trigger: area_entered or area_dwelled",
    "segment": 'name a target list: "targets": {"list": "..."}',
}


def _parse_instant(value: object) -> object:
    """Return the stream time (ms) of an ISO 8601 date and time with its offset."""
    if value is None:
        return value
    mend = {"mend": "write it like 2026-11-01T00:00:00+08:00"}
    if not isinstance(value, str):
        raise PydanticCustomError("instant", "expected a date and time in double quotes", mend)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("instant", "expected an ISO 8601 date and time", mend) from None
    if instant.tzinfo is None:
        raise PydanticCustomError("instant", "a date without an offset from UTC", mend)
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _parse_hours(value: object) -> object:
    """Let whole numbers through alone: to pydantic's Literal, true is 1 and 24.0 is 24."""
    if type(value) is not int:
        raise PydanticCustomError("hours", "expected a whole number", {"mend": "use 1, 12, 24 or 48"})
    return value


def _reentry_form(value: object) -> str | None:
    if value == "once":
        return "word"
    return "period" if isinstance(value, dict) else None


Instant = Annotated[int, BeforeValidator(_parse_instant), WithJsonSchema({"type": "string", "format": "date-time"})]
ResponseHours = Annotated[Literal[1, 12, 24, 48], BeforeValidator(_parse_hours)]


class TargetsDocument(Document):
    """Whom a campaign may address: the name of a target list."""

    list: Name


class AreaEnteredDocument(Document):
    """Fires when a stay in the area opens."""

    kind: Literal["area_entered"]
    area: Name

    def to_domain(self) -> Trigger:
        """Return the domain's trigger."""
        return AreaEntered(self.area)


class AreaDwelledDocument(Document):
    """Fires when a stay in the area has lasted so many minutes (48 h at most)."""

    kind: Literal["area_dwelled"]
    area: Name
    minutes: int = Field(ge=1, le=2880)

    def to_domain(self) -> Trigger:
        """Return the domain's trigger."""
        return AreaDwelled(self.area, self.minutes)


class ReentryDocument(Document):
    """Again after so many hours."""

    hours: int = Field(ge=1, le=100_000)


Reentry = Annotated[
    Annotated[Literal["once"], Tag("word")] | Annotated[ReentryDocument, Tag("period")],
    Discriminator(
        _reentry_form,
        custom_error_type="reentry",
        custom_error_message='expected "once" or {"hours": N}',
        custom_error_context={"mend": 'write "once" or {"hours": 24}'},
    ),
]


class CampaignDocument(Document):
    """A campaign as it is uploaded. Dates are ISO 8601 with an offset; none: always."""

    campaign: Name
    product: Title
    offer: Title
    targets: TargetsDocument
    trigger: Annotated[AreaEnteredDocument | AreaDwelledDocument, Field(discriminator="kind")]
    respond_within_hours: ResponseHours
    flow: Name
    reentry: Reentry = "once"
    holdout_percent: float = Field(default=0.0, ge=0, le=100)
    holdout_group: Title | None = None
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    value: float = Field(default=0.0, ge=0, le=1e12)
    starts: Instant | None = Field(default=None, alias="from")
    ends: Instant | None = Field(default=None, alias="until")

    def contradictions(self) -> Iterator[tuple[Path, str, str]]:
        """Yield what is wrong between fields: path, reason, mend."""
        if self.starts is not None and self.ends is not None and self.starts >= self.ends:
            yield ("until",), '"until" is not after "from": the campaign would never run', "set a later date"

    def to_domain(self) -> Campaign:
        """Return the domain's campaign, not published yet (`counts_from` None)."""
        return Campaign(
            name=self.campaign,
            product=self.product,
            offer=self.offer,
            target_list=self.targets.list,
            trigger=self.trigger.to_domain(),
            respond_within_hours=self.respond_within_hours,
            flow=self.flow,
            holdout_group=self.holdout_group or self.product,
            reentry_hours=None if isinstance(self.reentry, str) else self.reentry.hours,
            holdout_percent=self.holdout_percent,
            priority=self.priority,
            value=self.value,
            starts=self.starts,
            ends=self.ends,
        )
