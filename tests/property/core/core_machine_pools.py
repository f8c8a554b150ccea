"""The third part of the state machine: pools answer what members ask, and their answers go through the log."""

from __future__ import annotations

from collections import Counter

from core_machine import UNITS, OrdersMachine, lateness, members
from core_model_grants import ModelPool
from core_model_households import ModelHouseholdPool
from core_model_ledger import ModelAsk
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from pipeline.core.events import Event
from pipeline.core.memory import MemoryPools
from pipeline.core.payloads import HouseholdJoined, HouseholdLeft, PointsPooled, PoolAnswered
from pipeline.core.pools import answer_event, decide
from pipeline.core.records import PoolRequest

CINEMA = "codes:cinema"


class PoolsMachine(OrdersMachine):
    """Each request is put to the pools of the core and to naive ones, in the order in which they were written; the
    answers wait in `under_way` until a step delivers them."""

    @initialize(codes=st.integers(0, 6))
    def open_pools(self, codes: int) -> None:
        self.pools = MemoryPools()
        self.naive_pools: dict[str, ModelPool] = {}
        self.naive_households: dict[str, ModelHouseholdPool] = {}
        self.asked: dict[str, ModelAsk] = {}
        self.given_codes: set[str] = set()
        self.taken: Counter[str] = Counter()
        self.load_codes(0, codes)

    @rule(first=st.integers(0, 30), count=st.integers(1, 3))
    def load_codes(self, first: int, count: int) -> None:
        """Some of them again."""
        codes = [f"C{number}" for number in range(first, first + count)]
        if codes:
            decide(self.pools, PoolRequest("load", CINEMA, "load", 0, 0, codes, "", "", "", 1, 1))
            self.naive(CINEMA).load(codes)

    def naive(self, pool_id: str) -> ModelPool:
        return self.naive_pools.setdefault(pool_id, ModelPool())

    def put_to_pool(self, request: PoolRequest) -> Event | None:
        """Both pools decide alike; the answer, if there is one, is to go through the log."""
        answer = decide(self.pools, request)
        if request.pool_id.startswith("household:"):
            household = self.naive_households.setdefault(request.pool_id, ModelHouseholdPool())
            household.lots += [(lot.points, lot.expires_at_ms) for lot in request.lots]
            if answer is None:
                return None
            given, expired = household.take(request.amount, request.recorded_at_ms)
            assert [(lot.points, lot.expires_at_ms) for lot in answer.lots] == given
            assert (answer.granted, answer.expired) == (sum(points for points, _ in given), expired)
            return self.note_asked(request, answer)
        pool = self.naive(request.pool_id)
        if request.action == "give_back":
            assert answer is None
            if request.codes:
                assert set(request.codes) <= self.given_codes
                self.given_codes -= set(request.codes)
                pool.codes += request.codes
            else:
                pool.taken.append(-request.amount)
                assert sum(pool.taken) >= 0
            return None
        assert answer is not None
        if request.pool_id == CINEMA:
            assert answer.codes == pool.take_codes(request.amount)
            assert answer.granted == len(answer.codes)
            assert not set(answer.codes) & self.given_codes
            self.given_codes |= set(answer.codes)
        else:
            assert answer.granted == pool.take(request.amount, request.limit, request.occurred_at_ms)
        return self.note_asked(request, answer)

    def note_asked(self, request: PoolRequest, answer: PoolAnswered) -> Event:
        """The answer as an event, which belongs to what the model has asked as well."""
        model = self.models[request.member_id]
        self.asked[request.request_id] = model.asks[self.taken[request.member_id]]
        self.taken[request.member_id] += 1
        return answer_event(request, answer, self.bench.now_ms)

    def take_grant(self, event: Event, answer: PoolAnswered) -> None:
        """Do the same to the model of who asked."""
        self.models[event.member_id].answered(
            event.event_id,
            self.asked[answer.request_id],
            answer.granted,
            list(answer.codes),
            event.occurred_at_ms,
            event.recorded_at_ms,
            [(lot.points, lot.expires_at_ms) for lot in answer.lots],
            answer.expired,
        )
        self.name_fulfilments(event.member_id)

    @rule(member_id=members, name=st.sampled_from(["h", "h", "i"]), late=lateness)
    def join_household(self, member_id: str, name: str, late: int) -> None:
        event_id, at, recorded = self.send(member_id, HouseholdJoined(name), late)
        self.models[member_id].join_household(event_id, name, at, recorded)
        self.check(member_id)

    @rule(member_id=members, name=st.sampled_from(["h", "i"]), late=lateness)
    def leave_household(self, member_id: str, name: str, late: int) -> None:
        event_id, at, recorded = self.send(member_id, HouseholdLeft(name), late)
        self.models[member_id].leave_household(event_id, name, at, recorded)
        self.check(member_id)

    @rule(
        data=st.data(),
        member_id=members,
        unit=st.sampled_from([UNITS[0], *UNITS]),
        points=st.integers(1, 60),
        late=lateness,
    )
    def pool_points(self, data: st.DataObject, member_id: str, unit: str, points: int, late: int) -> None:
        """Mostly no more than there are."""
        there = self.models[member_id].available(unit)
        wanted = data.draw(st.sampled_from([points, max(min(points, there), 1), max(there, 1)]), "points")
        event_id, at, recorded = self.send(member_id, PointsPooled(wanted, "" if unit == UNITS[0] else unit), late)
        self.models[member_id].pool(event_id, wanted, unit, at, recorded)
        self.check(member_id)
