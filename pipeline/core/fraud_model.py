"""A learned model as data: trees over whole numbers, which say how much an event that takes points looks like fraud.

Learned offline, scored here in whole numbers alone, so that a score is the same on every machine. A score is a sum over
trees, in thousandths of the logarithm of the odds. What drove it is told by feature: each step down a tree moves the
score from the middle of what lies below to the middle of what lies below the next step.
"""

from typing import Final, final

LEAF: Final = -1
FEATURES: Final = (
    "points",
    "percent_of_balance",
    "taken_today",
    "taken_usually",
    "new_device",
    "new_country",
    "new_place",
    "hours_since_new_device",
    "hours_since_profile_changed",
    "km_from_before",
    "km_an_hour",
    "days_enrolled",
    "purchases",
    "redemptions",
    "refunds",
    "transfers_in",
)
"""What a model can look at, in the order of a list of values; `fraud_features` tells each."""


@final
class Tree:
    """One tree; node 0 is its root. A node of feature `LEAF` is a leaf worth `value`; another one goes on to `low`
    where the feature is at most `threshold`, else to `high`, and its value is the middle of both."""

    __slots__ = ("feature", "high", "low", "threshold", "value")

    def __init__(self) -> None:
        self.feature: list[int] = []
        self.threshold: list[int] = []
        self.low: list[int] = []
        self.high: list[int] = []
        self.value: list[int] = []

    def add(self, feature: int, threshold: int, value: int) -> int:
        """Add a node, with nothing below it yet. Returns its number."""
        self.feature.append(feature)
        self.threshold.append(threshold)
        self.low.append(0)
        self.high.append(0)
        self.value.append(value)
        return len(self.feature) - 1

    def join(self, node: int, low: int, high: int) -> None:
        """Put two nodes below a node."""
        self.low[node] = low
        self.high[node] = high
        self.value[node] = (self.value[low] + self.value[high]) // 2


@final
class Model:
    """A learned model."""

    __slots__ = ("trees",)

    def __init__(self, trees: tuple[Tree, ...]) -> None:
        self.trees = trees

    def score(self, features: list[int]) -> tuple[int, list[int]]:
        """(score, what each feature adds to it) of values in the order of `FEATURES`."""
        total = 0
        drove = [0] * len(FEATURES)
        for tree in self.trees:
            node = 0
            feature = tree.feature[0]
            while feature != LEAF:
                below = tree.low[node] if features[feature] <= tree.threshold[node] else tree.high[node]
                drove[feature] += tree.value[below] - tree.value[node]
                node = below
                feature = tree.feature[node]
            total += tree.value[node]
        return total, drove


NO_MODEL: Final = Model(())


def told_score(features: list[int], drove: list[int]) -> list[tuple[str, str]]:
    """Every feature as evidence, (name, value); those that moved the score say by how much, the one that moved it
    furthest first."""
    order = sorted([(-abs(drove[place]), place) for place in range(len(FEATURES))])
    found: list[tuple[str, str]] = []
    for _, place in order:
        value = str(features[place])
        if drove[place]:
            value += f" ({drove[place]:+})"
        found.append((FEATURES[place], value))
    return found
