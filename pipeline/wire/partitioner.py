"""Which partition a key belongs to: murmur2, as the Java producer and librdkafka's `murmur2_random` compute it."""

from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of Kafka's Java client (`Utils.murmur2`), as an unsigned number."""
    length = len(data)
    h = _SEED ^ length
    aligned = length & ~3
    for i in range(0, aligned, 4):
        k = (data[i] | data[i + 1] << 8 | data[i + 2] << 16 | data[i + 3] << 24) * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    rest = length - aligned
    if rest == 3:
        h ^= data[aligned + 2] << 16
    if rest >= 2:
        h ^= data[aligned + 1] << 8
    if rest >= 1:
        h = (h ^ data[aligned]) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition, from 0, that a Java producer sends `key` to when the topic has `partitions` partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
