"""The only place that wires: ports to adapters, use cases to ports. Everything is made when first asked for."""

import json
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Self

from cellwave.adapters.clients import Clients
from cellwave.adapters.clock import StreamClock
from cellwave.adapters.dynamodb.journeys import DynamoJourneyStore
from cellwave.adapters.dynamodb.ledger import DynamoLedger
from cellwave.adapters.dynamodb.registry import DynamoRegistry
from cellwave.adapters.dynamodb.state import DynamoStateStore
from cellwave.adapters.dynamodb.vault import DynamoVault
from cellwave.adapters.kinesis import TickStream
from cellwave.adapters.kms import KeyRing, KmsDataKeys
from cellwave.adapters.lists import SealedTargetLists
from cellwave.adapters.s3 import S3ObjectStore
from cellwave.adapters.sqs import SqsChannelQueues
from cellwave.adapters.stepfunctions import StepFunctionsWaveMachine
from cellwave.adapters.tokens import SealedTouchTokens
from cellwave.application.claim_touch import Claimer
from cellwave.application.cohorts import Cohorts
from cellwave.application.match_records import Matcher
from cellwave.application.open_journeys import JourneyOpener
from cellwave.application.query_offers import OfferDesk
from cellwave.application.record_outcome import OutcomeRecorder
from cellwave.application.run_waves import Dispatcher
from cellwave.domain.pseudonyms import Pseudonymizer


class SettingsError(Exception):
    """The environment lacks what the function needs."""


class Wiring:
    """Adapters and use cases over one environment: names of tables, queues, keys."""

    def __init__(self, environment: Mapping[str, str], clients: Clients | None = None):
        self._environment = environment
        self.clients = clients or Clients()

    @classmethod
    def of(cls, needs: Iterable[str]) -> Self:
        """Return the wiring over the process's environment. Raises SettingsError naming all that is missing."""
        missing = [name for name in needs if not os.environ.get(name)]
        if missing:
            raise SettingsError(f"the environment lacks {', '.join(missing)}: see the function in template.yaml")
        return cls(os.environ)

    @cached_property
    def clock(self) -> StreamClock:
        """The stream clock."""
        return StreamClock(self._environment.get("STREAM_CLOCK", "wall"))

    @cached_property
    def objects(self) -> S3ObjectStore:
        """The data bucket."""
        return S3ObjectStore(self.clients.s3, self._environment["DATA_BUCKET"])

    @cached_property
    def state(self) -> DynamoStateStore:
        """The matcher's state."""
        return DynamoStateStore(self.clients.dynamodb, self._environment["STATE_TABLE"], self.clock)

    @cached_property
    def journeys(self) -> DynamoJourneyStore:
        """Journeys and marks."""
        return DynamoJourneyStore(self.clients.dynamodb, self._environment["JOURNEYS_TABLE"], self.clock)

    @cached_property
    def ledger(self) -> DynamoLedger:
        """The ledger of outcomes."""
        return DynamoLedger(self.clients.dynamodb, self._environment["LEDGER_TABLE"])

    @cached_property
    def registry(self) -> DynamoRegistry:
        """What is published. The pointer is read each time: a journey may run a flow that is seconds old."""
        return DynamoRegistry(self.clients.dynamodb, self._environment["REGISTRY_TABLE"], self.objects, refresh=0.0)

    @cached_property
    def keys(self) -> KeyRing:
        """The system's keys, unwrapped when needed."""
        return KeyRing(
            self.clients.kms,
            self._environment["PEOPLE_KEY_ARN"],
            self.clients.dynamodb,
            self._environment["REGISTRY_TABLE"],
        )

    @cached_property
    def tokens(self) -> SealedTouchTokens:
        """Touch ids."""
        return SealedTouchTokens(self.keys)

    @cached_property
    def vault(self) -> DynamoVault:
        """Numbers by pseudonym."""
        return DynamoVault(self.clients.dynamodb, self._environment["VAULT_TABLE"], self.keys)

    @cached_property
    def lists(self) -> SealedTargetLists:
        """Target lists."""
        return SealedTargetLists(self.objects, KmsDataKeys(self.clients.kms, self._environment["PEOPLE_KEY_ARN"]))

    @cached_property
    def queues(self) -> SqsChannelQueues:
        """The active channels' queues."""
        return SqsChannelQueues(self.clients.sqs, json.loads(self._environment["CHANNEL_QUEUES"]))

    @cached_property
    def cohorts(self) -> Cohorts:
        """Cohorts and their executions."""
        machine = StepFunctionsWaveMachine(self.clients.stepfunctions, self._environment["WAVE_MACHINE_ARN"])
        return Cohorts(self.objects, machine, self.clock)

    @property
    def pseudonymizer(self) -> Pseudonymizer:
        """The making of pseudonyms under the newest key."""
        key = self.keys.current("pseudonym")
        return Pseudonymizer(key.id, key.material)

    @cached_property
    def matcher(self) -> Matcher:
        """The matcher."""
        opener = JourneyOpener(self.journeys, self.queues, self.tokens, self.cohorts, self.clock)
        return Matcher(self.state, self.registry, self.lists, self.objects, opener)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """Dispatch of a wave."""
        return Dispatcher(self.objects, self.journeys, self.queues, self.tokens, self.cohorts)

    @cached_property
    def claimer(self) -> Claimer:
        """Claims."""
        return Claimer(self.journeys, self.vault, self.tokens, self.clock)

    @cached_property
    def recorder(self) -> OutcomeRecorder:
        """Outcomes."""
        return OutcomeRecorder(self.journeys, self.ledger, self.queues, self.tokens, self.cohorts, self.clock)

    @cached_property
    def desk(self) -> OfferDesk:
        """Offers."""
        return OfferDesk(self.journeys, self.tokens, self.clock)

    @cached_property
    def ticks(self) -> TickStream:
        """Ticks into the stream."""
        return TickStream(self.clients.kinesis, self._environment["SIGNALLING_STREAM"])
