"""How RocksDB is opened: for work, and to be loaded; its memory is shared by all stores of the process and bounded."""

from __future__ import annotations

from typing import Any, Final

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    MemtableFactory,
    Options,
    WriteBufferManager,
    WriteOptions,
)

MIB: Final = 1 << 20
WRITE_BUFFER_BYTES: Final = 16 * MIB
LOADING_BUFFER_BYTES: Final = 6 * MIB
"""Sorting a buffer costs most of loading, and less in smaller ones, which the processor's caches hold."""
LOADING_JOBS: Final = 8
"""A quarter of them sort and write buffers, the others would merge files; what reaches the disk keeps its order."""
LOADED_FILES: Final = 128
"""While a store is loaded, files are merged only when there are more: merging costs more than loading does."""

_block_cache: Final = Cache(64 * MIB)
_write_buffers: Final = WriteBufferManager(64 * MIB, False)


def bound_memory(block_cache_mb: int, write_buffers_mb: int) -> None:
    """Bound what all stores of this process take together, in MiB: the cache of blocks with their indexes and filters,
    and the buffers of what has not been written to disk yet."""
    _block_cache.set_capacity(block_cache_mb * MIB)
    _write_buffers.set_buffer_size(write_buffers_mb * MIB)


def usual_options() -> Any:
    """For a lane at work."""
    options = _options()
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    # Nearly every look-up of an event's id misses; this makes a miss in memory six times cheaper.
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    return options


def loading_options() -> Any:
    """For a store that is filled and not read."""
    options = _options()
    options.set_memtable_factory(MemtableFactory.vector())
    options.set_allow_concurrent_memtable_write(False)
    options.set_write_buffer_size(LOADING_BUFFER_BYTES)
    options.set_max_write_buffer_number(16)
    options.set_max_background_jobs(LOADING_JOBS)
    options.set_compression_type(DBCompressionType.none())
    options.set_level_zero_file_num_compaction_trigger(LOADED_FILES)
    options.set_max_bytes_for_level_base(LOADED_FILES * LOADING_BUFFER_BYTES)
    return options


def unlogged() -> Any:
    """Writes that a crash may take."""
    writing: Any = WriteOptions()  # its stub takes the property for a method
    writing.disable_wal = True
    return writing


def _options() -> Any:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    blocks.set_block_cache(_block_cache)
    # Indexes and filters of a large store would else grow beside the cache, without bound.
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(_write_buffers)
    # Merging what was loaded goes on beside the work, which must not stand still until it is done.
    options.set_level_zero_slowdown_writes_trigger(4 * LOADED_FILES)
    options.set_level_zero_stop_writes_trigger(6 * LOADED_FILES)
    options.set_max_log_file_size(MIB)
    options.set_keep_log_file_num(2)
    return options
