"""Examples beside a programme's rules: read strictly, run through the core, and held against what they expect."""

from pipeline.examples.example import Difference, Example, Expectation, Outcome
from pipeline.examples.read import check_examples, read_examples
from pipeline.examples.run import rules_shown, run_example

__all__ = [
    "Difference",
    "Example",
    "Expectation",
    "Outcome",
    "check_examples",
    "read_examples",
    "rules_shown",
    "run_example",
]
