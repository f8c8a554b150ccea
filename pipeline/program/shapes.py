"""Descriptions of what stands where in a programme's files: the checker takes its keys from them, editors get them as
JSON Schema, and the comparison of two programmes reads values by them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

DEFAULT_UNIT: Final = "*"
"""As the default of a key: the programme's first unit."""


@final
@dataclass(frozen=True, slots=True)
class Name:
    """A name of lower-case letters, digits, - and _."""


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A text that matches a pattern; `example` is shown to who writes one."""

    pattern: str
    example: str


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    options: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number, both bounds included."""

    minimum: int
    maximum: int


@final
@dataclass(frozen=True, slots=True)
class Exact:
    """An exact decimal above zero."""


@final
@dataclass(frozen=True, slots=True)
class Length:
    """A length of time such as 30d; `never` may stand for it, or months may not."""

    never: bool = False
    months: bool = True


@final
@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""


@final
@dataclass(frozen=True, slots=True)
class Expression:
    """CEL whose value is of type `wanted`, bool or int."""

    wanted: str


@final
@dataclass(frozen=True, slots=True)
class Key:
    """What stands under a key. `meaning` is a sentence for who writes it; `default` is what an absent key means, as it
    would be written, None where that is nothing; where `beside` names a key, only while that is there."""

    shape: "Shape"
    meaning: str
    required: bool = False
    default: str | None = None
    beside: str = ""


Keys = Mapping[str, Key]


@final
@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with known keys. `one_of`: exactly one of these must be there."""

    keys: Keys
    one_of: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Items:
    """A list that is not empty; order counts where `ordered`. `id_key` is the key that tells mappings apart."""

    item: "Shape"
    most: int
    ordered: bool = False
    id_key: str = ""


@final
@dataclass(frozen=True, slots=True)
class Named:
    """A mapping from names to values of one shape; the first one counts for more where `first_matters`. `names` None
    means `Name`."""

    item: "Shape"
    first_matters: bool = False
    names: Text | None = None
    may_be_empty: bool = False


@final
@dataclass(frozen=True, slots=True)
class OneOrMany:
    """A mapping or text, or a list of such."""

    item: Fields | Text
    most: int


@final
@dataclass(frozen=True, slots=True)
class ShortOrFields:
    """One value or list, or a mapping.

    The value is short for a mapping with it under `short_for`, if that is not empty; a mapping with nothing but
    `long_for` is long for its value.
    """

    short: "Shape"
    fields: Fields | Named
    short_for: str = ""
    long_for: str = ""


Shape = (
    Name
    | Text
    | Choice
    | Whole
    | Exact
    | Length
    | Flag
    | Expression
    | Fields
    | Items
    | Named
    | OneOrMany
    | ShortOrFields
)

DATE: Final = Text("[0-9]{4}-[0-9]{2}-[0-9]{2}", "2026-12-31")
"""A local date."""

CURRENCY: Final = Text("[A-Z]{3}", "USD")
"""An ISO 4217 code."""
