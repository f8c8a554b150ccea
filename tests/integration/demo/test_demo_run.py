"""The whole pipeline on real servers: killed at random, cut into any partitions, workers and batches, the same."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.demo import gather
from pipeline.demo.report import Facts
from pipeline.demo.run import PROGRAM, Plan, load, run, stop_workers
from pipeline.demo.shoppers import shoppers, write_purchases
from pipeline.demo.stage import Stage
from pipeline.demo.watch import Nobody
from pipeline.devstack import LocalStack
from pipeline.history.purchases import events, read_purchases
from pipeline.program import load_program

pytestmark = pytest.mark.kafka


def assert_proved(facts: Facts) -> None:
    assert {check.name: check.found for check in facts.checks if not check.holds} == {}
    assert facts.proved


@pytest.mark.timeout(1200)
def test_ten_kills_leave_no_trace(stack: LocalStack, prefix: str, database_url: str, tmp_path: Path) -> None:
    """1,500 customers and the live day, workers killed with -9 ten times: every invariant holds."""
    kwargs = {"stack": stack, "topic_prefix": f"{prefix}.", "postgres_url": database_url}

    with Stage(tmp_path, partitions=4, workers=2, **kwargs) as stage:  # type: ignore[arg-type]
        facts = run(stage, Plan(None, {}, customers=1_500, seed=11, kills=10), Nobody())

    assert_proved(facts)
    assert facts.kills == 10
    assert facts.restores > 0, "no lane had anything to restore: the kills hit nothing"
    assert facts.digest


@pytest.mark.timeout(1200)
def test_the_digest_depends_on_no_partitions_workers_or_batches(stack: LocalStack, prefix: str, tmp_path: Path) -> None:
    """The same history, unshifted, so that its times are the same in both runs; each equals its replay too."""
    digests = {}
    for partitions, workers, batch_limit in ((1, 1, 1), (4, 3, 2_000)):
        name = f"p{partitions}"
        folder = tmp_path / name
        folder.mkdir()
        facts = Facts()
        with Stage(
            folder,
            partitions=partitions,
            workers=workers,
            batch_limit=batch_limit,
            stack=stack,
            topic_prefix=f"{prefix}.{name}.",
        ) as stage:
            write_purchases(folder / "purchases.txt", shoppers(60, seed=5))
            purchases = read_purchases(folder / "purchases.txt", {}, "USD", ZoneInfo("UTC")).purchases
            history = list(events(purchases, "import", 0))
            stage.publish(load_program(PROGRAM), history[0].occurred_at_ms)
            stage.start_workers()
            load(stage, Plan(None, {}, 60, 5, 0), history, facts, Nobody())
            stop_workers(stage)
            _inputs, replay, outputs = gather.read_back(stage, Nobody())
        digests[name] = outputs.audit.digest()
        assert digests[name] == replay.simulation.result().digest
        assert outputs.audit.by_kind["expire"] > 0
        assert len(outputs.decisions) == len(history)
    assert digests["p1"] == digests["p4"] != ""
