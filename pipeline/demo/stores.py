"""Every member's state as each store holds it, in one form, so that they can be compared."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import psycopg
import redis

from pipeline.core.member import Member
from pipeline.core.records import MemberBalance
from pipeline.demo.audit import POCKETS, Faults, LedgerAudit
from pipeline.sinks.redis_target import Keys, member_of

CHUNK: Final = 1_000

Wallets = dict[str, tuple[int, int, int, int]]
"""Unit to points (available, pending, held, debt); wallets of nothing left out."""


class MemberState(NamedTuple):
    """One member: number and hash (hex digits, empty for none) of the latest entry, tier, and points."""

    seq: int
    last_hash: str
    tier: str
    wallets: Wallets


States = dict[str, MemberState]
"""By member id; a member without entry and tier is left out, for nothing happened."""


def simulated_states(members: Iterable[Member]) -> States:
    """As the oracle computed them."""
    return _noted(
        (member.member_id, member.seq, member.last_hash.hex(), member.tier, _kept(
            (unit, (w.available, w.pending, w.held, w.debt)) for unit, w in member.wallets.items()
        ))
        for member in members
    )  # fmt: skip


def kafka_states(balances: Iterable[MemberBalance]) -> States:
    """As `member-balances` holds them; of several records of a member the last one counts."""
    return _noted(
        (balance.member_id, balance.seq, balance.last_hash.hex(), balance.tier, _kept(
            (w.unit, (w.available, w.pending, w.held, w.debt)) for w in balance.wallets
        ))
        for balance in balances
    )  # fmt: skip


def ledger_states(audit: LedgerAudit, tiers: dict[str, str]) -> States:
    """As the ledger's entries sum up; `tiers` holds each member's tier after the latest tier change."""
    heads = {member_id: (seq, last_hash) for member_id, seq, last_hash in audit.heads()}
    wallets = audit.balances()
    return _noted(
        (member_id, seq, last_hash.hex(), tiers.get(member_id, ""), wallets.get(member_id, {}))
        for member_id in heads.keys() | tiers.keys()
        for seq, last_hash in [heads.get(member_id, (0, b""))]
    )


def redis_states(url: str, keys: Keys) -> States:
    """As Redis holds them. Raises redis.RedisError."""
    client = redis.Redis.from_url(url, decode_responses=True)
    try:
        names: list[str] = list(client.scan_iter(keys.members_pattern(), count=CHUNK))
        members: list[dict[str, Any]] = []
        for start in range(0, len(names), CHUNK):
            pipe = client.pipeline(transaction=False)
            for name in names[start : start + CHUNK]:
                pipe.hgetall(name)
            members += [member_of(fields["member_id"], fields) for fields in pipe.execute()]
    finally:
        client.close()
    return _noted(
        (member["member_id"], member["seq"], member["last_hash"], member["tier"], _kept(
            (unit, _ordered(points)) for unit, points in member["wallets"].items()
        ))
        for member in members
    )  # fmt: skip


def postgres_states(url: str) -> States:
    """As PostgreSQL's ledger entries sum up, with the tier of the latest tier change. Raises psycopg.Error."""
    points: dict[str, dict[str, dict[str, int]]] = {}
    with psycopg.connect(url) as connection:
        rows = connection.execute(r"SELECT account, unit, points FROM account_balances WHERE account LIKE 'member:%'")
        for account, unit, amount in rows:
            member_id, pocket = account.removeprefix("member:").rsplit(":", 1)
            wallet = points.setdefault(member_id, {}).setdefault(unit, dict.fromkeys(POCKETS, 0))
            wallet[pocket] = -amount if pocket == "debt" else amount
        heads: dict[str, tuple[int, str]] = {
            member_id: (seq, last_hash)
            for member_id, seq, last_hash in connection.execute(
                "SELECT DISTINCT ON (member_id COLLATE \"C\") member_id, seq, encode(hash, 'hex') FROM ledger_entries "
                'ORDER BY member_id COLLATE "C", seq DESC'
            )
        }
        tiers: dict[str, str] = dict(
            connection.execute(
                "SELECT DISTINCT ON (member_id) member_id, tier FROM tier_changes ORDER BY member_id, kafka_offset DESC"
            ).fetchall()
        )
    return _noted(
        (member_id, seq, last_hash, tiers.get(member_id, ""), _kept(
            (unit, _ordered(wallet)) for unit, wallet in points.get(member_id, {}).items()
        ))
        for member_id in heads.keys() | tiers.keys()
        for seq, last_hash in [heads.get(member_id, (0, ""))]
    )  # fmt: skip


def rows_carried(url: str) -> int:
    """How many records the PostgreSQL sink has behind it. Raises psycopg.Error."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT coalesce(sum(next_offset), 0) FROM sink_offsets").fetchone()
    return int(row[0]) if row else 0


def differences(name: str, found: States, expected_name: str, expected: States) -> Faults:
    """Members of whom the two stores say different things."""
    faults = Faults()
    for member_id in sorted(found.keys() | expected.keys()):
        one, other = found.get(member_id), expected.get(member_id)
        if one != other:
            faults.add(f"member {member_id}: {name} has {_shown(one)}, {expected_name} has {_shown(other)}")
    return faults


def _shown(state: MemberState | None) -> str:
    if state is None:
        return "nothing"
    return f"seq {state.seq} ({state.last_hash[:8]}), tier {state.tier!r}, {state.wallets}"


def _noted(rows: Iterable[tuple[str, int, str, str, Wallets]]) -> States:
    # Before the first entry a hash is 32 zero bytes in one store and absent in another: it says nothing.
    return {
        member_id: MemberState(seq, last_hash if seq else "", tier, wallets)
        for member_id, seq, last_hash, tier, wallets in rows
        if seq or tier
    }


def _kept(wallets: Iterable[tuple[str, tuple[int, int, int, int]]]) -> Wallets:
    return {unit: wallet for unit, wallet in wallets if any(wallet)}


def _ordered(points: dict[str, int]) -> tuple[int, int, int, int]:
    available, pending, held, debt = (points[pocket] for pocket in POCKETS)
    return available, pending, held, debt
