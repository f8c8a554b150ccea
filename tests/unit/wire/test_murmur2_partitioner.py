"""The partitioner agrees with Kafka's Java client."""

from __future__ import annotations

import pytest

from pipeline.wire.partitioner import murmur2, partition_of

# From Kafka's own test, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java (testMurmur2).
JAVA_HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "signed_hash"), JAVA_HASHES.items())
def test_hashes_are_those_of_the_java_client(key: bytes, signed_hash: int) -> None:
    assert murmur2(key) == signed_hash % (1 << 32)


@pytest.mark.parametrize(("key", "signed_hash"), JAVA_HASHES.items())
def test_the_partition_is_the_hash_without_its_sign_bit_modulo_the_count(key: bytes, signed_hash: int) -> None:
    assert partition_of(key, 7) == (signed_hash & 0x7FFFFFFF) % 7
    assert partition_of(key, 1) == 0


def test_an_empty_key_has_a_partition_too() -> None:
    assert 0 <= partition_of(b"", 4) < 4
