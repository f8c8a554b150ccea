"""What generated conditions call: CEL's arithmetic on 64-bit integers, indexing, and logic over errors.

Semantics after the CEL specification (cel-spec, doc/langdef.md): an overflow is an error, division truncates toward
zero, the remainder has the sign of the dividend, and `&&` and `||` absorb an error when the other side decides.
"""

from collections.abc import Callable
from typing import Final, final

INT_MIN: Final = -(1 << 63)
INT_MAX: Final = (1 << 63) - 1


@final
class EvaluationError(Exception):
    """A condition that has no value for this event."""


FAILURES: Final = (EvaluationError, KeyError)
"""What evaluating a checked condition can raise; KeyError stands for a key that a map lacks."""


def describe(failure: Exception) -> str:
    """The failure in words, for `rule_errors` of the decision."""
    if isinstance(failure, KeyError):
        return f"no such key: {failure.args[0]!r}"
    return str(failure)


def add(left: int, right: int) -> int:
    """Sum; raises EvaluationError beyond 64 bits."""
    return _ranged(left + right)


def subtract(left: int, right: int) -> int:
    """Difference; raises EvaluationError beyond 64 bits."""
    return _ranged(left - right)


def multiply(left: int, right: int) -> int:
    """Product; raises EvaluationError beyond 64 bits."""
    return _ranged(left * right)


def negate(value: int) -> int:
    """Negation; raises EvaluationError for the smallest integer."""
    return _ranged(-value)


def divide(left: int, right: int) -> int:
    """Quotient truncated toward zero; raises EvaluationError for a divisor of 0 and beyond 64 bits."""
    if right == 0:
        raise EvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return _ranged(quotient if (left < 0) == (right < 0) else -quotient)


def modulo(left: int, right: int) -> int:
    """Remainder with the sign of the dividend; raises EvaluationError for a divisor of 0 or an overflow."""
    if right == 0:
        raise EvaluationError("modulus by zero")
    if right == -1 and left == INT_MIN:
        raise EvaluationError("whole number out of range")
    remainder = abs(left) % abs(right)
    return -remainder if left < 0 else remainder


def element(items: tuple[object, ...], index: int) -> object:
    """Element of a list; raises EvaluationError outside of it."""
    if 0 <= index < len(items):
        return items[index]
    raise EvaluationError(f"index {index} out of range of a list of {len(items)}")


def all_of(operands: tuple[Callable[[], bool], ...]) -> bool:
    """`&&`: False if any operand is False, else the first error, else True."""
    return _absorb(operands, deciding=False)


def any_of(operands: tuple[Callable[[], bool], ...]) -> bool:
    """`||`: True if any operand is True, else the first error, else False."""
    return _absorb(operands, deciding=True)


def _absorb(operands: tuple[Callable[[], bool], ...], *, deciding: bool) -> bool:
    first: Exception | None = None
    for operand in operands:
        try:
            if operand() is deciding:
                return deciding
        except FAILURES as failure:
            first = first or failure
    if first is not None:
        raise first
    return not deciding


def _ranged(value: int) -> int:
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("whole number out of range")
