"""What a commit leaves in the store, and whose transactions are whose."""

from __future__ import annotations

from fake_kafka import FakeBroker, FakeTransaction
from fake_store import FakeClock, FakeStore

from pipeline.lane import keys
from pipeline.lane.changes import Changes
from pipeline.lane.commit import Committer, transactional_id

BEGAN_MS = 1_000_000


def test_the_store_is_as_old_as_the_commit_was_when_it_began() -> None:
    """Between commit and write the process may stand still for hours, while others delete and compaction forgets it."""
    clock = FakeClock(BEGAN_MS)

    def stands_still(place: str) -> None:
        if place == "commit:after":
            clock.time_ms += 86_400_000

    content: dict[bytes, bytes] = {}
    transaction = FakeTransaction(FakeBroker(), "t", 0, stands_still)
    transaction.fence()
    committer = Committer("changelog", "ids", transaction, FakeStore(content), clock)
    changes, marker = Changes([], [], b"", []), keys.Marker(1, 0, 0, 0)

    ends = committer.transact([], changes, marker)
    committer.keep(changes, marker, ends)

    assert BEGAN_MS <= keys.unpack_number(content[keys.WRITTEN_AT]) < BEGAN_MS + 1000


def test_partitions_topics_and_applications_do_not_share_a_transactional_id() -> None:
    ids = {transactional_id(app, topic, partition) for app in "ab" for topic in "st" for partition in range(12)}

    assert len(ids) == 2 * 2 * 12
    assert transactional_id("a", "s", 1) == transactional_id("a", "s", 1)
