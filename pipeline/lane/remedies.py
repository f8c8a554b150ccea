"""What an operator can do about a lane that stands still; docs/operations.md has the same at length.

In every text TOPIC and PARTITION stand for the lane's own; `for_lane` puts them in.
"""

from __future__ import annotations

from typing import Final

from pipeline.core.ports import UnknownProgram

RESUME: Final = "`accrue lane resume TOPIC PARTITION`"
RESET: Final = "`accrue lane reset TOPIC PARTITION {options}`"


def for_lane(remedy: str, topic: str, partition: int) -> str:
    """The remedy with the lane's topic and partition, so that its command can be typed as it stands."""
    return remedy.replace("TOPIC PARTITION", f"{topic} {partition}")


def lost_records(start: int, end: int, position: int) -> str:
    """The source holds `start` to `end`, the lane stands at `position`, outside of that."""
    if position < start:
        return (
            f"restore the topic's records from {position} on, then {RESUME}; or give up the {start - position} offsets "
            f"that are gone with {RESET.format(options='--to start')}"
        )
    return (
        f"restore the topic, then {RESUME}; or, if its end was cut off, go on behind what is left with "
        f"{RESET.format(options='--to end')}; or, if it was created anew, take all of it with "
        f"{RESET.format(options='--to start')}"
    )


def lost_ids() -> str:
    return (
        f"restore the topic, then {RESUME}; or go on without the lost ids, so that a repeated event may count twice, "
        f"with {RESET.format(options='--accept-lost-ids')}"
    )


def another_version() -> str:
    return (
        "run the version of the pipeline that wrote the state, or a later one: a worker takes the lane up when it "
        f"starts, or at {RESUME}"
    )


def unreadable_marker() -> str:
    return (
        "run the pipeline's version that wrote it; or, if it was damaged, go on from the position that the lane "
        f"published last with {RESET.format(options='--to published')}: duplicate search skips what was decided"
    )


def unpassable(offset: int) -> str:
    """The record at `offset` can be neither decided nor put aside."""
    return (
        f"run a version that can decide the record, or remove the cause and {RESUME}; or leave the record out with "
        f"{RESET.format(options=f'--to {offset + 1}')}"
    )


def unreadable_command(offset: int) -> str:
    """What stands at `offset` of the topic of commands is none that this version knows."""
    return (
        f"run a version that knows it; or leave it out with {RESET.format(options=f'--to {offset + 1}')}, which leaves "
        "the redemption that it may belong to on hold"
    )


def failing() -> str:
    return "none is needed if it passes: the lane opens anew by itself; else see that the servers run (`accrue status`)"


def waiting_remedy(why: BaseException) -> str:
    """The lane goes on by itself when what it waits for is there."""
    if isinstance(why, UnknownProgram):
        return "publish the programme's bundle again: `accrue program publish DIRECTORY`; the lane goes on by itself"
    return "bring the schema registry back (`accrue status`, ACCRUE_REGISTRY_URL); the lane goes on by itself"


def release(member_id: str) -> str:
    """A member is quarantined."""
    return f"run a version that can decide the event, then `accrue quarantine release {member_id}`"
