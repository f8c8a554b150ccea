"""How tiers are kept and lost: one down, grace, and refunds that undo what qualified."""

from core_programs import DAY_MS, Bench, Tier, TierChange, TierPolicy, program, rule, table

from pipeline.core.payloads import TransactionCancelled, TransactionCompleted

TIERS = (Tier("bronze", 0, 100), Tier("silver", 20, 100), Tier("gold", 50, 100))


def club(**policy: object) -> Bench:
    return Bench(program({"transaction_completed": table(rule())}, tiers=TIERS, tier_policy=TierPolicy(**policy)))  # type: ignore[arg-type]


def changes(bench: Bench) -> list[tuple[str, str, str]]:
    return [(one.tier, one.reason, str(one.qualifying_points)) for one in bench.of(TierChange)][1:]


def test_balance_based_falls_to_what_the_year_qualifies_for() -> None:
    bench = club()
    bench.buy("e1", 5_000)

    bench.at("2028-01-02T00:00:00").adjust("a1", 1)

    assert changes(bench) == [("gold", "qualified", "50"), ("bronze", "review", "0")]


def test_one_down_falls_by_one_tier_a_year() -> None:
    bench = club(one_down=True)
    bench.buy("e1", 5_000)

    bench.at("2028-01-02T00:00:00").adjust("a1", 1)
    assert bench.member().tier == "silver"
    bench.at("2029-01-02T00:00:00").adjust("a2", 1)
    assert changes(bench)[1:] == [("silver", "review", "0"), ("bronze", "review", "0")]


def test_one_down_never_lowers_who_still_qualifies() -> None:
    bench = club(one_down=True)
    bench.buy("e1", 5_000)
    bench.at("2027-06-01T00:00:00").buy("e2", 5_000)

    bench.at("2028-01-02T00:00:00").adjust("a1", 1)

    assert bench.member().tier == "gold"


def test_grace_puts_the_review_off_and_counts_what_is_earned_by_then() -> None:
    bench = club(grace_ms=30 * DAY_MS)
    bench.buy("e1", 5_000)

    bench.at("2028-01-20T00:00:00").buy("e2", 4_000)
    assert bench.member().tier == "gold"
    bench.at("2028-01-25T00:00:00").buy("e3", 1_000)
    bench.at("2028-02-10T00:00:00").adjust("a1", 1)
    assert changes(bench) == [("gold", "qualified", "50")]
    assert bench.member().tier_until_ms == Bench().at("2029-01-31T00:00:00").now_ms


def test_grace_ends() -> None:
    bench = club(grace_ms=30 * DAY_MS)
    bench.buy("e1", 5_000)

    bench.at("2028-01-30T23:59:59").adjust("a1", 1)
    assert bench.member().tier == "gold"
    bench.at("2028-01-31T00:00:00").adjust("a2", 1)
    assert bench.member().tier == "bronze"


def test_a_refund_that_undoes_the_qualification_undoes_the_tier_if_so_stated() -> None:
    bench = club(recompute=True)
    bench.buy("e1", 3_000)
    bench.buy("e2", 2_000)

    bench.refund("r1", "order-e2", 2_000)

    assert changes(bench) == [("silver", "qualified", "30"), ("gold", "qualified", "50"), ("silver", "refunded", "30")]
    bench.send("c1", TransactionCancelled("order-e1"))
    assert changes(bench)[3:] == [("bronze", "refunded", "0")]
    assert bench.member().tier_until_ms == 0


def test_a_refund_keeps_the_tier_until_its_review_otherwise() -> None:
    bench = club()
    bench.buy("e1", 5_000)
    bench.refund("r1", "order-e1", 5_000)

    assert bench.member().tier == "gold"


def test_a_refund_takes_no_tier_that_last_year_still_carries() -> None:
    bench = club(recompute=True)
    bench.buy("e1", 5_000)
    bench.at("2027-02-01T00:00:00").buy("e2", 5_000)

    bench.refund("r1", "order-e2", 5_000)

    assert bench.member().tier == "gold"


def test_a_refund_takes_no_tier_that_did_not_rest_on_it() -> None:
    """Silver is what one down left of gold; refunding a small order of the new year does not touch that."""
    bench = club(recompute=True, one_down=True)
    bench.buy("e1", 5_000)
    bench.at("2028-01-02T00:00:00").buy("e2", 500)

    bench.refund("r1", "order-e2", 500)

    assert bench.member().tier == "silver"


def spenders() -> Bench:
    policy = TierPolicy(recompute=True, spend_currency="EUR")
    tiers = (Tier("bronze", 0, 100), Tier("gold", 5_000, 100))
    currencies = frozenset({"EUR", "USD"})
    return Bench(program({}, tiers=tiers, tier_policy=policy, currencies=currencies))


def test_spending_qualifies_without_any_rule() -> None:
    bench = spenders()
    bench.buy("e1", 4_999)
    assert bench.member().tier == "bronze"
    bench.buy("e2", 1)

    assert changes(bench) == [("gold", "qualified", "5000")]


def test_only_money_of_the_currency_is_spending() -> None:
    bench = spenders()
    bench.adjust("a1", 10)
    bench.send("e1", TransactionCompleted("o1", 9_000, "USD"))
    bench.send("e2", TransactionCompleted("o2", 6_000, "EUR", points_paid=10, points_paid_minor=1_001))

    assert (bench.member().tier, bench.member().qualifying_points) == ("bronze", 4_999)


def test_a_refund_takes_its_part_of_the_spending_and_the_tier_that_rested_on_it() -> None:
    bench = spenders()
    bench.buy("e1", 6_000)

    bench.refund("r1", "order-e1", 1_000)
    assert bench.member().tier == "gold"
    bench.refund("r2", "order-e1", 1)
    assert changes(bench)[1:] == [("bronze", "refunded", "4999")]
    bench.send("c1", TransactionCancelled("order-e1"))
    assert bench.member().qualifying_points == 0
