"""Whatever goes wrong on the way to a partner that tells the truth: the member has the reward or the points, once."""

from __future__ import annotations

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from partner_samples import ACME, CALLBACK, NOW_MS, OTHER, command, policies

from pipeline.partners import fulfilment as machine
from pipeline.partners.fulfilment import IN_FLIGHT, Fulfilment, Policies, Result
from pipeline.program.partners import Fallback, Partner

KINDS = {
    "asked": ACME,
    "asked, not idempotent": replace(ACME, idempotent=False),
    "idempotent alone": replace(ACME, ask=None),
    "told by callbacks alone": replace(ACME, ask=None, idempotent=False, callback=CALLBACK),
    "nothing to undo": replace(ACME, cancel=None),
}
MEDDLING = st.sampled_from(["cancel", "retry", "time", "callback", "death"])


class Provider:
    """A partner of one kind, honest about what it has done; a call may be acted on long after its timeout."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner
        self.pieces = 0  # how often it was given, less what was taken back
        self.refused = False
        self.late_ms: list[int] = []

    def let_time_pass(self, now_ms: int) -> None:
        for at_ms in [one for one in self.late_ms if one <= now_ms]:
            self.late_ms.remove(at_ms)
            self.act()

    def act(self) -> None:
        if not self.partner.idempotent or not self.pieces:
            self.pieces += 1

    def refuse(self) -> str:
        """For good: what came before with the same key is off."""
        self.refused = True
        self.late_ms.clear()
        return "failed"


class OneFulfilment(RuleBasedStateMachine):
    """One fulfilment, its providers, and the time."""

    @initialize(kind=st.sampled_from(sorted(KINDS)), falls_back=st.booleans(), meddling=st.sets(MEDDLING, max_size=1))
    def begin(self, kind: str, falls_back: bool, meddling: set[str]) -> None:
        self.meddling = meddling  # most runs are left alone by most of it, or few would come far
        first = replace(KINDS[kind], fallback=(Fallback("other", ""),) if falls_back else ())
        self.providers = {"acme": Provider(first), "other": Provider(OTHER)}
        self.known: Policies = policies(first, OTHER)
        self.now_ms = NOW_MS
        self.f: Fulfilment = machine.begin(command(quantity=1), self.now_ms, self.known)
        self.call = ""
        self.settled: str | None = None

    @property
    def provider(self) -> Provider:
        return self.providers[self.f.provider]

    def pass_time(self, ms: int) -> None:
        self.now_ms += ms
        for provider in self.providers.values():
            provider.let_time_pass(self.now_ms)

    def answer(self, means: str) -> None:
        result = Result(self.f.provider, self.f.calls, means)
        assert machine.answered(self.f, result, self.now_ms, self.known), "an honest partner contradicted itself"
        self.call = ""

    @precondition(lambda self: self.f.state in ("waiting", "unknown", "undo"))
    @rule()
    def make_the_call(self) -> None:
        self.pass_time(max(self.f.due_ms - self.now_ms, 0))
        self.call = machine.next_call(self.f, self.now_ms, self.known)

    @precondition(lambda self: self.call == "fulfil")
    @rule(how=st.sampled_from(["late", "busy", "done", "late", "refused", "done, unheard", "not done, unheard"]),
          late_ms=st.sampled_from([69_000, 30_000, 0]))  # fmt: skip
    def fulfil_call_ends(self, how: str, late_ms: int) -> None:
        provider = self.provider
        self.pass_time(500)
        if provider.refused:
            self.answer("failed")
        elif how in ("done", "done, unheard"):
            provider.act()
            self.answer("confirmed" if how == "done" else "unknown")
        elif how == "refused" and not provider.pieces:
            self.answer(provider.refuse())
        elif how == "busy":
            self.answer("retry")
        else:
            if how == "late":
                provider.late_ms.append(self.now_ms - 500 + late_ms)
            self.pass_time(9_500)
            self.answer("unknown")

    @precondition(lambda self: self.call == "ask")
    @rule(how=st.sampled_from(["answers", "answers", "answers", "unheard", "busy"]))
    def ask_call_ends(self, how: str) -> None:
        self.pass_time(500)
        if how != "answers":
            self.answer("unknown" if how == "unheard" else "retry")
        else:
            known = "failed" if self.provider.refused else "absent"
            self.answer("confirmed" if self.provider.pieces else known)

    @precondition(lambda self: self.call == "cancel")
    @rule(how=st.sampled_from(["done", "done, unheard", "unheard", "no"]))
    def cancel_call_ends(self, how: str) -> None:
        self.pass_time(500)
        provider = self.provider
        if how == "no" and provider.pieces:
            self.answer("failed")
            return
        if how.startswith("done"):
            provider.pieces = 0
        self.answer("confirmed" if how == "done" or not provider.pieces else "unknown")

    @precondition(lambda self: self.f.state in IN_FLIGHT and "death" in self.meddling)
    @rule(acted=st.booleans())
    def the_worker_dies(self, acted: bool) -> None:
        """Its call may have been made or not; nobody ever hears of it."""
        if self.call == "fulfil" and acted and not self.provider.refused:
            self.provider.act()
        if self.call == "cancel" and acted:
            self.provider.pieces = 0
        self.pass_time(self.f.due_ms - self.now_ms)
        machine.give_up_call(self.f, self.now_ms, self.known)
        self.call = ""

    @precondition(lambda self: "callback" in self.meddling)
    @precondition(lambda self: self.providers["acme"].pieces or self.providers["acme"].refused)
    @rule()
    def a_callback_comes(self) -> None:
        provider = self.providers["acme"]
        means = "confirmed" if provider.pieces else "failed"
        assert machine.answered(self.f, Result("acme", 0, means), self.now_ms, self.known)
        self.forget_call()

    @precondition(lambda self: "cancel" in self.meddling and (self.call or self.f.maybe_ms))
    @rule()
    def the_member_cancels(self) -> None:
        machine.cancel(self.f, self.now_ms, self.known)

    @precondition(lambda self: "retry" in self.meddling)
    @rule()
    def people_have_it_retried(self) -> None:
        machine.retry(self.f, self.now_ms, self.known)

    @precondition(lambda self: "time" in self.meddling)
    @rule(ms=st.sampled_from([1_000, 70_000, 4_000_000]))
    def time_passes(self, ms: int) -> None:
        self.pass_time(ms)
        if self.f.state in IN_FLIGHT and self.now_ms >= self.f.due_ms:
            machine.give_up_call(self.f, self.now_ms, self.known)
            self.call = ""

    @precondition(lambda self: not self.f.open or self.f.state == "review")
    @rule()
    def nothing_more_is_done(self) -> None:
        self.pass_time(60_000)

    def forget_call(self) -> None:
        if self.f.state not in IN_FLIGHT:
            self.call = ""

    @invariant()
    def reward_or_points_and_never_both(self) -> None:
        if not hasattr(self, "f"):
            return
        given = {name: provider.pieces for name, provider in self.providers.items()}
        assert sum(given.values()) <= 1, given
        if self.f.state == "confirmed":
            assert given[self.f.provider] == 1, "confirmed, and nothing was given"
        elif not self.f.open:
            late = [one for provider in self.providers.values() for one in provider.late_ms]
            assert sum(given.values()) == 0 and not late, f"{self.f.state}, and yet given: {given}, {late}"

    @invariant()
    def an_outcome_stays(self) -> None:
        if hasattr(self, "f") and self.settled is not None:
            assert self.f.state == self.settled
        elif hasattr(self, "f") and not self.f.open:
            self.settled = self.f.state

    def teardown(self) -> None:
        """With a partner that answers again, everything is settled or before people."""
        if not hasattr(self, "f"):
            return
        for _ in range(60):
            if self.f.state in ("waiting", "unknown", "undo"):
                self.make_the_call()
            if self.call == "fulfil":
                self.fulfil_call_ends("done", 0)
            elif self.call == "ask":
                self.ask_call_ends("answers")
            elif self.call == "cancel":
                self.cancel_call_ends("done")
        assert not self.f.open or self.f.state == "review", self.f
        self.pass_time(10_000_000)
        self.reward_or_points_and_never_both()


TestOneFulfilment = OneFulfilment.TestCase
TestOneFulfilment.settings = settings(max_examples=500, stateful_step_count=25, deadline=None)
