"""Measured baselines as a JSON file that people can read before they publish it, cohort by cohort."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pipeline.core.cohorts import form_fault
from pipeline.core.payloads import CohortBaseline, CohortBaselines
from pipeline.fraud.cohorts import content_id
from pipeline.wire.times import InvalidTime, time_ms, time_text

FIELDS: Final = ("baseline_id", "since", "until", "permille", "cohorts")
COHORT_FIELDS: Final = ("of", "unit", "by", "per", "name", "members", "points")


class BadBaselines(Exception):
    """A file that does not hold baselines as they were measured; the message names what is wrong, and the remedy."""


def to_json(baselines: CohortBaselines) -> dict[str, Any]:
    """What was measured."""
    width = len(baselines.permille)
    points = [baselines.points[place : place + width] for place in range(0, len(baselines.points), width)]
    return {
        "baseline_id": baselines.baseline_id,
        "since": time_text(baselines.since_ms),
        "until": time_text(baselines.until_ms),
        "permille": baselines.permille,
        "cohorts": [
            dict(zip(COHORT_FIELDS, (*one.to_tuple(), own), strict=True))
            for one, own in zip(baselines.cohorts, points, strict=True)
        ],
    }


def read_file(path: Path, author: str, reason: str) -> CohortBaselines:
    """Baselines to publish, by whose word and why. Raises BadBaselines, OSError."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise BadBaselines(f"{path} is not JSON: {error}") from None
    try:
        if sorted(content) != sorted(FIELDS):
            raise BadBaselines(
                f"{path} must hold {', '.join(FIELDS)}: measure them with `accrue fraud cohorts compute`"
            )
        cohorts = [CohortBaseline(*(one[name] for name in COHORT_FIELDS[:-1])) for one in content["cohorts"]]
        points = [each for one in content["cohorts"] for each in one["points"]]
        found = CohortBaselines(
            content["baseline_id"], 0, time_ms(content["since"]), time_ms(content["until"]), content["permille"],
            cohorts, points, author, reason,
        )  # fmt: skip
    except (KeyError, TypeError, InvalidTime) as error:
        raise BadBaselines(f"{path}: {error!r} is missing or of another kind: measure it anew") from None
    if content_id(found.permille, cohorts, points) != found.baseline_id:
        raise BadBaselines(
            f"{path} was changed since it was measured: measure it anew, and raise `times` to allow more"
        )
    fault = form_fault(found)
    if fault is not None:
        raise BadBaselines(f"{path}: {fault[1]}")
    return found
