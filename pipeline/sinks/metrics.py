"""Metrics of the sinks; label `sink` is the target's name."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

SINK_UP: Final = Gauge("accrue_sink_up", "1 while the sink reads and its target answers, else 0.", ["sink"])
SINK_RECORDS: Final = Counter("accrue_sink_records_total", "Records written, redelivered ones included.", ["sink"])
SINK_CHANGES: Final = Counter("accrue_sink_changes_total", "Rows or keys that changed in the target.", ["sink"])
SINK_REJECTS: Final = Counter("accrue_sink_rejects_total", "Records that the sink could not use.", ["sink", "reason"])
SINK_CONFLICTS: Final = Counter(
    "accrue_sink_conflicts_total", "Records whose id the target already holds from another record.", ["sink", "table"]
)
SINK_RETRIES: Final = Counter("accrue_sink_retries_total", "Times that something away was waited for.", ["sink"])
SINK_LAG: Final = Gauge(
    "accrue_sink_lag_records", "Records between the sink and the end of its topics.", ["sink", "topic", "partition"]
)
SINK_BATCH_SECONDS: Final = Histogram(
    "accrue_sink_batch_seconds",
    "Time to write one batch with its offsets.",
    ["sink"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
