"""The Redis sink on real servers: the latest state of every member, and offsets that vanish with the data."""

from __future__ import annotations

import pytest
import redis
from sink_world import NOW_MS, Account, World, run_to_end, running

from pipeline.core.records import MemberBalance, WalletBalance
from pipeline.devstack import LocalStack
from pipeline.sinks.redis_target import Keys, RedisTarget, read_member
from pipeline.sinks.target import AwayError, Batch

pytestmark = pytest.mark.kafka


def members(client: redis.Redis, world: World) -> set[str]:
    return {str(key) for key in client.scan_iter(world.keys.members_pattern())}


def has_seq(client: redis.Redis, world: World, account: Account) -> bool:
    return client.hget(world.keys.member(account.member_id), "seq") == str(account.seq)


def test_a_member_is_a_hash_of_the_latest_state(world: World, redis_client: redis.Redis) -> None:
    account = Account("m:1 é")
    account.earn(100)
    first = account.balance()
    account.entry("hold", "available", "held", 40)
    world.write(first, account.balance())

    run_to_end(world.redis_sink())

    assert redis_client.hgetall(world.keys.member("m:1 é")) == {
        "member_id": "m:1 é",
        "version": "2",
        "seq": "2",
        "tier": "silver",
        "tier_until_ms": "0",
        "quarantined": "0",
        "updated_at_ms": str(NOW_MS + 2),
        "last_hash": account.last_hash.hex(),
        "points:available": "60",
        "points:pending": "0",
        "points:held": "40",
        "points:debt": "0",
    }
    assert read_member(redis_client, world.keys, "m:1 é") == {
        "member_id": "m:1 é",
        "version": 2,
        "seq": 2,
        "tier": "silver",
        "tier_until_ms": 0,
        "quarantined": False,
        "updated_at_ms": NOW_MS + 2,
        "last_hash": account.last_hash.hex(),
        "wallets": {"points": {"available": 60, "pending": 0, "held": 40, "debt": 0}},
    }
    assert read_member(redis_client, world.keys, "nobody") is None


def test_points_of_64_bits_are_exact(world: World, redis_client: redis.Redis) -> None:
    wallet = WalletBalance("points", 2**63 - 1, 2**53 + 1, 0, 0)
    world.write(MemberBalance("m-1", 1, "", 0, [wallet], bytes(32), 1, NOW_MS, True))

    run_to_end(world.redis_sink())

    stored = redis_client.hmget(world.keys.member("m-1"), "points:available", "points:pending", "quarantined")
    assert stored == [str(2**63 - 1), str(2**53 + 1), "1"]


def test_an_older_version_never_replaces_a_newer_one(world: World, redis_client: redis.Redis) -> None:
    account = Account("m-1")
    states = []
    for _number in range(3):
        account.earn()
        states.append(account.balance())
    world.write(*states)
    run_to_end(world.redis_sink())

    world.write(states[0])  # comes last, is older, in a batch of its own
    run_to_end(world.redis_sink())
    assert redis_client.hget(world.keys.member("m-1"), "seq") == "3"

    redis_client.delete(world.keys.offsets)
    run_to_end(world.redis_sink())  # reads all of them anew
    assert redis_client.hget(world.keys.member("m-1"), "seq") == "3"


def test_many_batches_arrive_whole(world: World, redis_client: redis.Redis) -> None:
    accounts = [Account(f"m-{n}") for n in range(3000)]
    for account in accounts:
        account.earn()
    world.write(*(account.balance() for account in accounts))

    run_to_end(world.redis_sink())

    assert len(members(redis_client, world)) == 3000


def test_all_is_rebuilt_after_the_data_was_flushed_under_a_running_sink(
    world: World, redis_client: redis.Redis, stack: LocalStack
) -> None:
    busy, quiet = Account("busy"), Account("quiet")
    with running(world.redis_sink()) as sink:
        for account in (busy, quiet):
            account.earn()
            world.write(account.balance())
            sink.wait_until(lambda account=account: has_seq(redis_client, world, account), "the state")

        redis_client.flushall()
        busy.earn()
        world.write(busy.balance())
        sink.wait_until(lambda: has_seq(redis_client, world, busy), "what was written after the flush")
        sink.wait_until(lambda: has_seq(redis_client, world, quiet), "what was written before it")

        redis_client.flushall()  # and nothing is written after it
        sink.wait_until(lambda: has_seq(redis_client, world, busy), "the busy member")
        sink.wait_until(lambda: has_seq(redis_client, world, quiet), "the quiet member")


def test_the_server_may_be_away_and_come_back_empty(world: World, stack: LocalStack) -> None:
    account = Account("m-1")
    account.earn()
    world.write(account.balance())
    with running(world.redis_sink()) as sink:

        def arrived() -> bool:
            try:
                with redis.Redis.from_url(stack.settings.redis_url, decode_responses=True) as client:
                    return has_seq(client, world, account)
            except redis.RedisError:
                return False

        sink.wait_until(arrived, "the state")
        stack.valkey.kill()
        try:
            account.earn()
            world.write(account.balance())
        finally:
            stack.valkey.start()
        sink.wait_until(arrived, "the state after the restart")


class DiesAfterCommit(RedisTarget):
    """A target whose answer is lost after every second batch: whether it was done is unknown to the sink."""

    batches = 0

    def write(self, batch: Batch) -> int:
        changed = super().write(batch)
        self.batches += 1
        if self.batches % 2 == 0:
            raise AwayError("the answer was lost")
        return changed


def test_an_answer_that_was_lost_is_looked_up(world: World, redis_client: redis.Redis) -> None:
    account = Account("m-1")
    target = DiesAfterCommit(world.settings.redis_url, world.keys)
    with running(world.redis_sink(target)) as sink:
        for _number in range(5):
            account.earn()
            world.write(account.balance())
            sink.wait_until(lambda: has_seq(redis_client, world, account), "the state")
    assert target.batches == 5


def test_two_instances_at_once_agree(world: World, redis_client: redis.Redis) -> None:
    accounts = [Account(f"m-{n}") for n in range(20)]
    with running(world.redis_sink()) as one, running(world.redis_sink()) as other:
        for _round in range(10):
            for account in accounts:
                account.earn()
            world.write(*(account.balance() for account in accounts))
        one.wait_until(lambda: all(has_seq(redis_client, world, account) for account in accounts), "all states")
        assert other.error() is None


def test_a_tombstone_deletes_the_member_who_may_come_back(world: World, redis_client: redis.Redis) -> None:
    kept, erased, back = Account("kept"), Account("erased"), Account("back")
    for account in (kept, erased, back):
        account.earn()
        account.balance()
        world.write(account.balance())
    run_to_end(world.redis_sink())
    topic = world.topics.name("member-balances")
    again = Account("back")
    again.earn(5)

    world.send([(topic, b"erased", None), (topic, b"back", None)])
    world.write(again.balance())  # of version 1, while version 2 is held
    run_to_end(world.redis_sink())

    assert members(redis_client, world) == {world.keys.member("kept"), world.keys.member("back")}
    assert redis_client.hget(world.keys.member("back"), "points:available") == "5"


def test_unusable_records_are_kept_aside(world: World, redis_client: redis.Redis) -> None:
    account = Account("m-1")
    world.send([(world.topics.name("member-balances"), b"m-1", b"no avro")])
    world.write(account.balance())

    run_to_end(world.redis_sink())

    (reject,) = redis_client.hvals(world.keys.rejects)
    assert '"reason": "not_avro"' in reject
    assert members(redis_client, world) == {world.keys.member("m-1")}


def test_wiping_deletes_only_the_sinks_own_keys(world: World, redis_client: redis.Redis) -> None:
    neighbours = [
        f"{world.keys.prefix}other",
        f"x{world.keys.prefix}member:1",
        Keys("accrue", world.settings.topic_prefix.replace(".", "x")).member("m-1"),
    ]
    for key in neighbours:
        redis_client.set(key, "1")
    accounts = [Account(f"m-{n}") for n in range(1200)]
    world.write(*(account.balance() for account in accounts))
    run_to_end(world.redis_sink())
    target = RedisTarget(world.settings.redis_url, world.keys)

    assert target.wipe() == 1200

    assert members(redis_client, world) == set()
    assert redis_client.exists(world.keys.offsets, world.keys.rejects) == 0
    assert redis_client.exists(*neighbours) == 3
    redis_client.delete(*neighbours)


def test_wiping_under_a_running_sink_ends_with_everything_there(world: World, redis_client: redis.Redis) -> None:
    accounts = [Account(f"m-{n}") for n in range(300)]
    world.write(*(account.balance() for account in accounts))
    with running(world.redis_sink()) as sink:
        sink.wait_until(lambda: len(members(redis_client, world)) == 300, "all members")
        target = RedisTarget(world.settings.redis_url, world.keys)
        for _time in range(3):
            target.wipe()
        sink.wait_until(lambda: len(members(redis_client, world)) == 300, "all members again")


def test_a_topic_created_anew_replaces_what_came_from_the_old_one(world: World, redis_client: redis.Redis) -> None:
    old, new = Account("old"), Account("new")
    for _time in range(5):
        new.earn()
        world.write(old.balance(), new.balance())
    run_to_end(world.redis_sink())
    world.delete("member-balances")
    world.create("member-balances")
    fresh = Account("new")
    fresh.earn(1)
    world.write(fresh.balance())

    run_to_end(world.redis_sink())

    assert members(redis_client, world) == {world.keys.member("new")}
    assert redis_client.hget(world.keys.member("new"), "points:available") == "1"


def test_a_prefix_with_characters_of_patterns_finds_only_itself(redis_client: redis.Redis) -> None:
    keys = Keys("a*b[c]?", "x-")
    redis_client.set(keys.member("1"), "1")
    redis_client.set("a-b[c]!:x-member:1", "1")
    try:
        assert list(redis_client.scan_iter(keys.members_pattern())) == [keys.member("1")]
    finally:
        redis_client.delete(keys.member("1"), "a-b[c]!:x-member:1")
