"""What a commit consists of: a transaction with outputs, changed state and a marker; then the store has the same."""

from __future__ import annotations

from typing import Final, final

from pipeline.lane import keys
from pipeline.lane.changes import Changes
from pipeline.lane.ports import Clock, Message, Store, Transaction

IDS_PER_RECORD: Final = 16_384


def transactional_id(app_id: str, topic: str, partition: int) -> str:
    """The same for whoever owns the partition, so that a new owner shuts out the old one; no two partitions share
    one."""
    return f"{app_id}-{topic}-{partition}"


@final
class Committer:
    """Carries the decisions of a lane into topics, then into its store: what the store has is always committed.

    `changelog` and `ids` are the topics of its state and of decided ids; the latter is empty for a lane without them.
    """

    def __init__(self, changelog: str, ids: str, transaction: Transaction, store: Store, clock: Clock) -> None:
        self._changelog = changelog
        self._ids = ids
        self._transaction = transaction
        self._store = store
        self._clock = clock
        self._began_ms = 0

    def transact(
        self, outputs: list[tuple[str, list[Message]]], changes: Changes, marker: keys.Marker
    ) -> dict[str, int]:
        """Send everything in one transaction and commit it. Returns the ends of the changelogs that were written to."""
        transaction = self._transaction
        self._began_ms = self._clock.now_ms()
        transaction.begin()
        for topic, messages in outputs:
            transaction.send(topic, messages)
        if self._ids:
            ids = changes.ids
            size = IDS_PER_RECORD * keys.ID_BYTES
            packed: list[Message] = [{"key": None, "value": ids[i : i + size]} for i in range(0, len(ids), size)]
            if packed:
                packed[-1]["key"] = keys.MARKER  # what a restore takes for the end of a transaction, in both changelogs
            transaction.send(self._ids, packed, tracked=True)
        state: list[Message] = [{"key": key, "value": value} for key, value in changes.changelog]
        state.append({"key": keys.MARKER, "value": marker.pack()})
        transaction.send(self._changelog, state, tracked=True)
        return transaction.commit()

    def keep(self, changes: Changes, marker: keys.Marker, ends: dict[str, int]) -> None:
        """Write to the store what was committed, with the positions from which a restore is to go on.

        It is as old as the transaction's begin: a process may stand still after the commit for so long that another
        owner's deletions are forgotten.
        """
        written = changes.changelog + changes.local
        written.append((keys.MARKER, marker.pack()))
        written.append((keys.CHANGELOG_POSITION, keys.pack_number(ends[self._changelog])))
        if self._ids in ends:
            written.append((keys.IDS_POSITION, keys.pack_number(ends[self._ids])))
        written.append((keys.WRITTEN_AT, keys.pack_number(self._began_ms)))
        self._store.write(written)
