"""Avro's binary form: the rarer cases of reading and writing numbers and blocks, which generated code calls."""

from typing import Final

RAW_LIMIT: Final = 1 << 14
SMALL_LIMIT: Final = RAW_LIMIT >> 1
INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1
TIMESTAMP_MIN: Final = 1 << 27
TIMESTAMP_MAX: Final = (1 << 41) - 1
"""Timestamps in ms between these (2 January 1970 to September 2039) are written as two of PAIR and one of RAW."""


class Malformed(ValueError):
    """Bytes that are no value of the schema."""


class OutOfRange(ValueError):
    """A number that its Avro type cannot hold."""


def _varint(n: int) -> bytes:
    """`n` (at least 0) in groups of 7 bits, the lowest first."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


RAW: Final[list[bytes]] = [_varint(n) for n in range(RAW_LIMIT)]
"""n as a varint."""
SMALL: Final[list[bytes]] = RAW[::2]
"""n as a zigzag varint: lengths, and longs from 0 to SMALL_LIMIT - 1."""
PAIR: Final[list[bytes]] = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(RAW_LIMIT)]
"""14 bits as two groups after which more follow."""


def long_bytes(value: int) -> bytes:
    """A long. Raises OutOfRange beyond 64 bits."""
    if SMALL_LIMIT <= value < TIMESTAMP_MIN:
        return PAIR[value << 1 & 16383] + RAW[value >> 13]
    if not -LONG_MAX - 1 <= value <= LONG_MAX:
        raise OutOfRange(f"{value} does not fit into a long")
    return _varint(value << 1 if value >= 0 else ~(value << 1))


def length_bytes(value: int) -> bytes:
    """A length or a number of items, at least 0."""
    return SMALL[value] if value < SMALL_LIMIT else long_bytes(value)


def int_bytes(value: int) -> bytes:
    """An int. Raises OutOfRange beyond 32 bits."""
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise OutOfRange(f"{value} does not fit into an int")
    return _varint(value << 1 if value >= 0 else ~(value << 1))


def read_long(data: bytes, i: int) -> tuple[int, int]:
    """(the number still in zigzag form, where it ends) of the long at `i`. Raises Malformed; IndexError at the end."""
    n = data[i]
    if n < 128:
        return n, i + 1
    b = data[i + 1]
    if b < 128:
        return n + (b << 7) - 128, i + 2
    shift = 14
    n += (b << 7) - 128 - (128 << 7)
    i += 2
    while True:
        b = data[i]
        i += 1
        n |= (b & 127) << shift
        if b < 128:
            break
        shift += 7
        if shift > 63:
            raise Malformed("a long takes more than 10 bytes")
    if n >> 64:
        raise Malformed("a long takes more than 64 bits")
    return n, i


def read_int(data: bytes, i: int) -> tuple[int, int]:
    """As `read_long` for an int: at most 5 bytes and 32 bits."""
    n, end = read_long(data, i)
    if n >> 32 or end - i > 5:
        raise Malformed("an int takes more than 32 bits")
    return n, end


def read_length(data: bytes, i: int) -> tuple[int, int]:
    """(twice the length, where it ends) of a string or bytes at `i`; also for indexes of enums and unions."""
    n, i = read_long(data, i)
    if n & 1:
        raise Malformed("a length or index is negative")
    return n, i


def read_block(data: bytes, i: int) -> tuple[int, int, int]:
    """(number of items, where they begin, where they must end or 0 if that is not said) of the block at `i`.

    Every item takes at least a byte, so a block cannot claim more items than there are bytes. Nothing may follow a
    block without items, which ends the blocks, so that is only taken where it is one byte: generated code looks for
    that. Raises Malformed.
    """
    first = data[i]
    n, i = read_long(data, i)
    if n == 0 and first:
        raise Malformed("the zero that ends the blocks takes more than one byte")
    stop = 0
    count = n >> 1
    if n & 1:
        count += 1  # zigzag: odd n stands for -(n >> 1) - 1
        size, i = read_length(data, i)
        stop = i + (size >> 1)
    left = len(data) - i
    if count > left or stop > len(data):
        raise Malformed(f"a block claims {count} items where {left} bytes are left")
    return count, i, stop


def ends_elsewhere(i: int, end: int) -> str:
    """What is wrong when the value was read up to `i` and the bytes end at `end`."""
    return f"{end - i} bytes are left over" if i < end else f"the value is cut off: {i - end} bytes are missing"
