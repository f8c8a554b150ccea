"""What reading from and writing to the log takes: settings, topics, and a codec that asks the registry."""

from typing import final

from pipeline.settings import Settings
from pipeline.wire.codec import Decoder, Encoder
from pipeline.wire.registry import Registry
from pipeline.wire.topics import LOG, TOPICS_FILE, Topic, Topics


@final
class Connection:
    """The pipeline that some settings lead to. Nothing is asked for before it is needed; to be closed."""

    def __init__(self, settings: Settings) -> None:
        """Raises InvalidSettings, InvalidTopics."""
        self.settings = settings
        self.topics = Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)
        self.registry = Registry(settings.need("registry_url"), settings.registry)
        self.decoder = Decoder(self.registry)

    @property
    def log(self) -> Topic:
        """The log's topic as topics.yaml has it."""
        return self.topics.topic(LOG)

    def encoder(self) -> Encoder:
        """Raises NotRegistered where our schemas are not in the registry, RegistryUnavailable."""
        return Encoder(self.registry.schema_ids(self.topics))

    def close(self) -> None:
        """End what was opened."""
        self.registry.close()
