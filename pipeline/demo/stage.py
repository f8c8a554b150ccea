"""Sets the demo's stage: servers in a fresh folder, topics, schemas, the shop's programme, workers and sinks."""

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipeline import settings
from pipeline.core.horizons import Horizons
from pipeline.demo.crew import Crew
from pipeline.demo.positions import Positions
from pipeline.devstack import LocalStack, Progress
from pipeline.history.connection import Connection
from pipeline.lane.activation import Publisher
from pipeline.lane.kafka import new_admin
from pipeline.program import Bundle
from pipeline.wire import topic_plan
from pipeline.wire.topics import TOPICS_FILE

APP_ID: Final = "accrue-demo"
SINKS: Final = ("postgres", "redis")


class Stage:
    """Everything that a run stands on. As a context manager it ends all that it has started."""

    def __init__(
        self,
        directory: Path,
        *,
        partitions: int,
        workers: int,
        batch_limit: int | None = None,
        stack: LocalStack | None = None,
        topic_prefix: str = "",
        postgres_url: str = "",
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """directory: an empty folder for everything. stack: servers that run already, else the stage starts its own.

        topic_prefix, postgres_url: names and an empty database of the run's own on servers that others use too.
        """
        self.directory = directory
        self.partitions = partitions
        self.workers = [f"worker-{number}" for number in range(1, workers + 1)]
        self._given_stack = stack
        self._topic_prefix = topic_prefix
        self._postgres_url = postgres_url
        self._batch_limit = batch_limit
        self._on_progress = on_progress
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            stack = self._given_stack
            if stack is None:
                folder = self.directory / "stack"
                stack = cleanup.enter_context(LocalStack.up(folder, guarded=True, on_progress=self._on_progress))
            env = self._environment(stack)
            self.settings = settings.load(env, self.directory)
            self.connection = Connection(self.settings)
            cleanup.callback(self.connection.close)
            self.crew = cleanup.enter_context(Crew(self.directory, env))
            self._prepare()
            self.encoder = self.connection.encoder()
            self.positions = Positions(self.connection, self.partitions)
            cleanup.callback(self.positions.close)
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cleanup.close()

    def publish(self, bundle: Bundle, effective_at_ms: int) -> None:
        """Put a programme in force; as the first one of its log it may be so from any time on."""
        publisher = Publisher(self.settings, self.connection.topics, self.encoder, Horizons())
        publisher.publish(bundle, effective_at_ms, "demo", "the first")

    def start_workers(self) -> None:
        """Start them, each with a folder of its own for its state, as on machines of their own."""
        limit = () if self._batch_limit is None else ("--batch-limit", str(self._batch_limit))
        for name in self.workers:
            self.crew.start(name, ["worker", *limit], {"ACCRUE_DATA_DIR": str(self.directory / name)})

    def start_sinks(self, *options: str) -> None:
        """Start the sinks."""
        for name in SINKS:
            self.crew.start(f"sink-{name}", ["sink", "run", name, *options])

    def _environment(self, stack: LocalStack) -> dict[str, str]:
        topics = re.sub(
            r"(?m)^log_partitions:.*$", f"log_partitions: {self.partitions}", TOPICS_FILE.read_text("utf-8")
        )
        topics_file = self.directory / "topics.yaml"
        topics_file.write_text(topics, "utf-8")
        return {
            "ACCRUE_BOOTSTRAP_SERVERS": stack.settings.bootstrap_servers,
            "ACCRUE_REGISTRY_URL": stack.settings.registry_url,
            "ACCRUE_REDIS_URL": stack.settings.redis_url,
            "ACCRUE_POSTGRES_URL": self._postgres_url or stack.settings.postgres_url,
            "ACCRUE_TOPICS_FILE": str(topics_file),
            "ACCRUE_TOPIC_PREFIX": self._topic_prefix,
            "ACCRUE_APP_ID": f"{self._topic_prefix}{APP_ID}",
            "ACCRUE_DATA_DIR": str(self.directory / "data"),
        }

    def _prepare(self) -> None:
        """Topics and schemas, as `accrue topics apply` and `accrue schemas register` make them."""
        admin = new_admin(self.settings)
        wanted = self.connection.topics
        topic_plan.apply(admin, wanted, topic_plan.plan(wanted, topic_plan.read(admin, wanted), False))
        self.connection.registry.register(wanted)
