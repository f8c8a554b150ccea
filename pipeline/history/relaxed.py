"""While history is imported the broker takes old timestamps on the log; afterwards it refuses them again."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from pipeline.wire.topic_plan import RELAXED_BY_IMPORT

ANY_AGE_MS: Final = 2**63 - 1
_REQUEST_S: Final = 30.0


class SettingError(Exception):
    """The log could not be told to take old timestamps, or to refuse them again; the message says what to do."""


@contextlib.contextmanager
def old_timestamps_taken(admin: AdminClient, topic: str, config: Mapping[str, str]) -> Iterator[None]:
    """Within, the broker takes records of any age on `topic`; on leaving, also by an error, it refuses them as before.

    `config` is what the topic is held to otherwise (topics.yaml), so that even after a kill the next import, or
    `accrue topics apply --after-import`, brings the refusal back. Brokers learn of the change a moment after it was
    made. Raises SettingError.
    """
    _alter(admin, topic, str(ANY_AGE_MS))
    try:
        yield
    finally:
        _alter(admin, topic, config.get(RELAXED_BY_IMPORT))


def _alter(admin: AdminClient, topic: str, value: str | None) -> None:
    """Set the topic's limit of age, or leave it to the broker's default if None."""
    operation = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
    entry = ConfigEntry(RELAXED_BY_IMPORT, value or "", incremental_operation=operation)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    try:
        for altered in admin.incremental_alter_configs([resource], request_timeout=_REQUEST_S).values():
            altered.result(_REQUEST_S)
    except (KafkaException, TimeoutError) as error:
        wanted = "the broker's default" if value is None else value
        raise SettingError(
            f"{topic}: {RELAXED_BY_IMPORT} could not be set to {wanted} ({error}): run `accrue topics apply "
            "--after-import` to mend it, as a user who may alter the topic"
        ) from error
