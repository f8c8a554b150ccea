"""Which programme an argument names: a directory, or one that was published."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

import click

from pipeline.cli.program_words import tell
from pipeline.program import Bundle, ProgramRefused, load_program
from pipeline.settings import Settings

CURRENT: Final = "current"
PREVIOUS: Final = "previous"
HASH_DIGITS_MIN: Final = 6
_HASH: Final = re.compile(r"[0-9a-f]{6,64}")


def bundle_of(name: str, settings: Settings) -> Bundle:
    """The programme that an argument names; a directory first, if there is one of that name."""
    path = Path(name)
    if path.is_dir():
        try:
            return load_program(path)
        except ProgramRefused as refused:
            tell(refused.problems)
            raise click.ClickException(f"{name} has mistakes: mend it first") from refused
    return published_bundle(name, settings)


def published_bundle(name: str, settings: Settings) -> Bundle:
    """A published programme by the beginning of its hash, or as `current` or `previous`.

    `current` is the one in force now, `previous` the one that was in force before it.
    """
    if name not in (CURRENT, PREVIOUS) and not _HASH.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is neither a directory nor a published programme: write {CURRENT}, {PREVIOUS} or at least "
            f"{HASH_DIGITS_MIN} digits of a hash"
        )
    from pipeline.lane.published import published, timeline  # noqa: PLC0415 - directories need no Kafka client
    from pipeline.wire.topics import TOPICS_FILE, Topics  # noqa: PLC0415

    topics = Topics.load(settings.topics_file or TOPICS_FILE, settings.topic_prefix)
    history = published(settings, topics)
    hashes = {each.program_hash: each.content for each in history if each.activations}
    wanted = named_hash(name, timeline(history), list(hashes), time.time_ns() // 1_000_000)
    return Bundle.from_bytes(hashes[wanted])


def named_hash(name: str, activations: list[tuple[int, str]], hashes: list[str], now_ms: int) -> str:
    """The hash that a name means, of (effective_at_ms, hash) ascending and all published hashes.

    Raises click.ClickException where there is none, or more than one.
    """
    if name not in (CURRENT, PREVIOUS):
        found = [each for each in hashes if each.startswith(name)]
        if len(found) != 1:
            many = "several published programmes begin" if found else "no published programme begins"
            raise click.ClickException(f"{many} with {name}: see `accrue program history`")
        return found[0]
    past = [program_hash for effective_ms, program_hash in activations if effective_ms <= now_ms]
    if not past:
        raise click.ClickException("no programme is in force yet: see `accrue program history`")
    if name == CURRENT:
        return past[-1]
    earlier = [program_hash for program_hash in past if program_hash != past[-1]]
    if not earlier:
        raise click.ClickException(f"no programme was in force before the current one, {past[-1][:12]}")
    return earlier[-1]
