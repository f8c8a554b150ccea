"""Every metric of the pipeline, by name; docs/metrics.md is written from here (`python -m pipeline.metrics`).

Lanes update theirs once per batch, never per event.
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.process_collector import ProcessCollector

REGISTRY: Final = CollectorRegistry()
LANE: Final = ("topic", "partition")
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
RECORDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)

LANE_STATES: Final = ("opening", "running", "waiting", "failed", "broken", "closed")
"""opening: fences and restores. waiting: for a program or the registry. failed: is opened anew after a pause.
broken: stands still until someone has looked."""

lane_state = Gauge(
    "accrue_lane_state",
    "1 for the state that the lane is in: " + ", ".join(LANE_STATES) + ".",
    (*LANE, "state"),
    registry=REGISTRY,
)
lane_position = Gauge(
    "accrue_lane_position", "Source offset up to which everything is committed.", LANE, registry=REGISTRY
)
lane_lag = Gauge(
    "accrue_lane_lag_records", "Offsets between the lane's position and its log's end.", LANE, registry=REGISTRY
)
lane_records = Counter(
    "accrue_lane_records", "Source records that were committed; its rate is the throughput.", LANE, registry=REGISTRY
)
lane_outputs = Counter("accrue_lane_outputs", "Records written to output topics.", LANE, registry=REGISTRY)
lane_batch_records = Histogram(
    "accrue_lane_batch_records", "Source records in one transaction.", ("topic",), buckets=RECORDS, registry=REGISTRY
)
lane_commit_seconds = Histogram(
    "accrue_lane_commit_seconds", "Time of a commit.", ("topic",), buckets=SECONDS, registry=REGISTRY
)
lane_rejections = Counter(
    "accrue_lane_rejections", "Records that went to dead-letters, by reason.", (*LANE, "reason"), registry=REGISTRY
)
lane_duplicates = Counter(
    "accrue_lane_duplicates", "Records that repeat a decided event and were skipped.", LANE, registry=REGISTRY
)
lane_parked = Counter(
    "accrue_lane_parked", "Records that were parked because their member is quarantined.", LANE, registry=REGISTRY
)
lane_quarantines = Counter(
    "accrue_lane_quarantines", "Members that were quarantined because a decision failed.", LANE, registry=REGISTRY
)
lane_quarantined = Gauge(
    "accrue_lane_quarantined_members",
    "Members that stand still, their records parked, until released.",
    LANE,
    registry=REGISTRY,
)
lane_ticks = Counter("accrue_lane_ticks", "Ticks that this worker appended to the log.", LANE, registry=REGISTRY)
lane_waits = Counter(
    "accrue_lane_waits", "Pauses because a program or the registry was not there.", LANE, registry=REGISTRY
)
lane_reopenings = Counter("accrue_lane_reopenings", "Openings of a lane after a failure.", LANE, registry=REGISTRY)
lane_restored_records = Counter(
    "accrue_lane_restored_records", "Changelog records read when lanes opened.", LANE, registry=REGISTRY
)
lane_restore_seconds = Histogram(
    "accrue_lane_open_seconds", "Time of an opening: fence and restore.", ("topic",), buckets=SECONDS, registry=REGISTRY
)
lane_restore_to_go = Gauge(
    "accrue_lane_restore_to_go", "Changelog records still to be read by an opening lane.", LANE, registry=REGISTRY
)
appended_records = Counter(
    "accrue_appended_records", "Records that relay and fulfilment appended to the log.", LANE, registry=REGISTRY
)
rebalances = Counter("accrue_rebalances", "Changes of this worker's partitions.", ("topic", "kind"), registry=REGISTRY)

partner_breaker = Gauge(
    "accrue_partner_breaker",
    "1 for the state that the partner's breaker is in, in each lane: closed, open, half_open.",
    ("provider", "partition", "state"),
    registry=REGISTRY,
)
partner_paused = Gauge(
    "accrue_partner_paused",
    "1 while an operator has the partner's calls held.",
    ("provider", "partition"),
    registry=REGISTRY,
)
partner_fulfillments = Gauge(
    "accrue_partner_fulfillments",
    "Fulfilments by state: waiting, calling, unknown, asking, undo, undoing, review, and those that are done.",
    ("provider", "partition", "state"),
    registry=REGISTRY,
)
partner_contradictions = Gauge(
    "accrue_partner_contradictions",
    "Outcomes by which the partner contradicts what was settled before.",
    ("provider", "partition"),
    registry=REGISTRY,
)
partner_calls = Counter(
    "accrue_partner_calls", "Calls that ended, by what the answer means.", ("provider", "action", "means"),
    registry=REGISTRY,
)  # fmt: skip
partner_call_seconds = Histogram(
    "accrue_partner_call_seconds", "Time of a call.", ("provider",), buckets=SECONDS, registry=REGISTRY
)

feed_held = Gauge(
    "accrue_feed_held", "1 while a partner's feed is held or being released.", ("feed",), registry=REGISTRY
)
feed_parked = Gauge(
    "accrue_feed_parked_messages",
    "Messages of a partner's feed that wait for its release.",
    ("feed",),
    registry=REGISTRY,
)
feed_counts = Gauge(
    "accrue_feed_counts",
    "Since ever: events of a partner's feed taken and repeated, messages refused.",
    ("feed", "what"),
    registry=REGISTRY,
)

notification_messages = Counter(
    "accrue_notification_messages",
    "Messages by channel and what became of them: sent, retried, skipped, given_up, postponed, limited.",
    ("channel", "outcome"),
    registry=REGISTRY,
)

webhook_deliveries = Counter(
    "accrue_webhook_deliveries",
    "Deliveries by webhook and what became of them: delivered, retried, gone, given_up, dropped.",
    ("webhook", "outcome"),
    registry=REGISTRY,
)
webhook_seconds = Histogram(
    "accrue_webhook_seconds", "Time of a delivery.", ("webhook",), buckets=SECONDS, registry=REGISTRY
)

SINK: Final = ("sink",)
sink_up = Gauge("accrue_sink_up", "1 while the sink reads and its target answers, else 0.", SINK, registry=REGISTRY)
sink_records = Counter(
    "accrue_sink_records", "Records written to the target, repeated ones included.", SINK, registry=REGISTRY
)
sink_changes = Counter("accrue_sink_changes", "Rows or keys that changed in the target.", SINK, registry=REGISTRY)
sink_rejects = Counter(
    "accrue_sink_rejects", "Records that the sink could not use and set aside.", (*SINK, "reason"), registry=REGISTRY
)
sink_conflicts = Counter(
    "accrue_sink_conflicts",
    "Records whose id the target already holds from another record.",
    (*SINK, "table"),
    registry=REGISTRY,
)
sink_waits = Counter("accrue_sink_waits", "Pauses because something was away.", SINK, registry=REGISTRY)
sink_lag = Gauge(
    "accrue_sink_lag_records",
    "Offsets between the sink and the end of its topic.",
    (*SINK, "topic", "partition"),
    registry=REGISTRY,
)
sink_batch_seconds = Histogram(
    "accrue_sink_batch_seconds", "Time to write one batch with its offsets.", SINK, buckets=SECONDS, registry=REGISTRY
)

ProcessCollector(registry=REGISTRY)


def forget_lane(topic: str, partition: int) -> None:
    """Drop the gauges of a lane that others run now: what it was here says nothing of it any more."""
    for gauge in (lane_position, lane_lag, lane_quarantined, lane_restore_to_go):
        gauge.remove(topic, str(partition))


def serve(port: int) -> int:
    """Serve the metrics on the loopback interface; port 0 takes a free one. Returns the port; OSError if taken."""
    server, _thread = start_http_server(port, addr="127.0.0.1", registry=REGISTRY)
    return int(server.server_port)


def document() -> str:
    """docs/metrics.md: every metric with its labels."""
    lines = [
        "# Metrics",
        "",
        "Written by `python -m pipeline.metrics` from `pipeline/metrics.py`. `accrue worker --metrics-port PORT`",
        "serves them in Prometheus' format on the loopback interface.",
        "",
        "| name | kind | labels | what |",
        "|---|---|---|---|",
    ]
    for metric in sorted(vars_of_module(), key=lambda m: m._name):
        kind = metric._type
        name = metric._name + ("_total" if kind == "counter" else "")
        labels = ", ".join(metric._labelnames) or "-"
        lines.append(f"| `{name}` | {kind} | {labels} | {metric._documentation} |")
    return "\n".join(lines) + "\n"


def vars_of_module() -> list[MetricWrapperBase]:
    """All metrics that this module defines."""
    return [value for value in globals().values() if isinstance(value, MetricWrapperBase)]


if __name__ == "__main__":
    print(document(), end="")  # noqa: T201 - the document is what the command is for
