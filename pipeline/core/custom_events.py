"""Custom events that a programme declares: which attributes each has, and of which type."""

from typing import Final, final

from pipeline.core import reasons

SHOWN_MAX: Final = 80


@final
class CustomType:
    """A declared event: names of its whole numbers and of its texts, and which of both may not be missing."""

    __slots__ = ("numbers", "required", "texts")

    def __init__(self, numbers: frozenset[str], texts: frozenset[str], required: frozenset[str]) -> None:
        self.numbers = numbers
        self.texts = texts
        self.required = required


def custom_fault(
    types: dict[str, CustomType], name: str, numbers: dict[str, int], texts: dict[str, str]
) -> tuple[str, str] | None:
    """What is wrong with a custom event under a programme that declares events, as (reason, detail), or None."""
    declared = types.get(name)
    if declared is None:
        return (
            reasons.UNDECLARED_EVENT,
            f"name is {name[:SHOWN_MAX]!r}; the programme declares {', '.join(sorted(types))}: "
            f"declare it too, or send one of these",
        )
    for attribute in sorted([*numbers, *texts]):
        if attribute not in declared.numbers and attribute not in declared.texts:
            known = ", ".join(sorted(declared.numbers | declared.texts)) or "none"
            return (
                reasons.UNDECLARED_ATTRIBUTE,
                f"attribute {attribute[:SHOWN_MAX]!r} of {name}: declared are {known}; declare it, or leave it out",
            )
        is_number = attribute in declared.numbers
        if is_number == (attribute in texts):
            wanted = "a whole number, in numbers" if is_number else "a text, in attributes"
            return (reasons.MISTYPED_ATTRIBUTE, f"attribute {attribute!r} of {name} must be {wanted}")
    for attribute in sorted(declared.required):
        if attribute not in numbers and attribute not in texts:
            return (reasons.MISSING_FIELD, f"attribute {attribute!r} of {name} is missing; it is required")
    return None
