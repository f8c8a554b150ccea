"""Replays an exported log through the core, as the lanes took it, by partition: the oracle of their outputs."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, final

from pipeline.core.events import Event
from pipeline.core.memory import Dead
from pipeline.core.payloads import MemberQuarantined
from pipeline.core.ports import UnknownProgram
from pipeline.core.program import Program
from pipeline.core.quarantine import QuarantineKey, quarantine_key
from pipeline.core.reasons import WRONG_PARTITION
from pipeline.core.simulate import Simulation
from pipeline.history.log_lines import BadLine, Footer, Header, Line, ProgramLine, RecordLine, read_line
from pipeline.lane.belonging import Belonging
from pipeline.program import Bundle, BundleRefused, ProgramRefused, compile_bundle
from pipeline.wire.codec import Undecodable
from pipeline.wire.codegen.sources import snake_case

PROGRESS_EVERY: Final = 1_000
_RARE: Final = (b'{"program"', b'{"end"')


class NotReplayable(Exception):
    """A file that is no whole exported log; the message names line and fault."""


class Letter(NamedTuple):
    """A record that goes to dead-letters."""

    partition: int
    offset: int
    reason: str
    detail: str


@final
class FilePrograms:
    """The programmes that an exported log brings along, compiled when they are asked for."""

    def __init__(self, bundles: dict[str, str]) -> None:
        self._bundles = bundles
        self._compiled: dict[str, Program] = {}

    def program(self, program_hash: str) -> Program:
        """Raises UnknownProgram for one that is not there or that this version cannot decide by."""
        if program_hash not in self._compiled:
            if program_hash not in self._bundles:
                raise UnknownProgram(
                    f"the log names program {program_hash}, and the file does not hold it: export anew"
                )
            try:
                bundle = Bundle.from_bytes(self._bundles[program_hash].encode())
                if bundle.hash != program_hash:
                    raise UnknownProgram(f"program {program_hash}: its content has hash {bundle.hash}: export anew")
                self._compiled[program_hash] = compile_bundle(bundle)
            except (BundleRefused, ProgramRefused) as error:
                raise UnknownProgram(f"program {program_hash} cannot be used: {error}") from error
        return self._compiled[program_hash]


@final
class Replay:
    """One exported log, replayed by `run`. `simulation` then holds what the pipeline must have put out.

    `types` counts events and control records by type, and undecodable records under names of their own; `letters`
    are the dead letters in order.
    """

    def __init__(self, path: Path) -> None:
        """Reads the header, the programmes and who was quarantined. Raises NotReplayable, OSError."""
        self._path = path
        header: Header | None = None
        bundles: dict[str, str] = {}
        quarantined: set[QuarantineKey] = set()
        self.lines = 0
        line: Line | None = None
        for number, text in self._texts():
            self.lines = number
            # Only few lines matter before the replay; to parse all of them twice would double its time.
            line = None
            if header is None or text.startswith(_RARE) or b'"member_quarantined"' in text:
                line = self._read(number, text)
                match line:
                    case Header():
                        header = line
                    case _ if header is None:
                        raise NotReplayable(f"{path} line {number}: expected the header of an exported log")
                    case ProgramLine(program_hash, bundle):
                        bundles[program_hash] = bundle
                    case RecordLine(content=Event(payload=MemberQuarantined()) as event):
                        quarantined.add(quarantine_key(event))
        if header is None:
            raise NotReplayable(f"{path} is empty: export a log with `accrue log export`")
        if not isinstance(line, Footer):
            raise NotReplayable(f"{path} is cut off after line {self.lines}: export it again")
        self.header = header
        self.programs = FilePrograms(bundles)
        self.types: Counter[str] = Counter()
        self.letters: list[Letter] = []
        self.last_ms = 0
        self._belonging = [Belonging(number, header.partitions) for number in range(header.partitions)]
        self._next = [0] * header.partitions
        self.simulation = Simulation(
            self.programs, header.partitions, relay=False, quarantined=frozenset(quarantined)
        )  # fmt: skip

    def records(self) -> Iterator[RecordLine]:
        """Every record of the file, in its order. Raises NotReplayable."""
        for number, text in self._texts():
            line = self._read(number, text)
            if isinstance(line, RecordLine):
                yield line

    def run(
        self,
        on_progress: Callable[[int], None] = lambda _lines: None,
        on_record: Callable[[RecordLine], None] = lambda _record: None,
    ) -> None:
        """Take every record. `on_progress` is told now and then how many lines are behind, `on_record` of each record.

        Raises NotReplayable, UnknownProgram.
        """
        for count, record in enumerate(self.records(), start=1):
            self._take(record)
            on_record(record)
            if count % PROGRESS_EVERY == 0:
                on_progress(count)
        on_progress(self.lines)

    def _take(self, record: RecordLine) -> None:
        partition, offset = record.partition, record.offset
        if not 0 <= partition < self.header.partitions or offset < self._next[partition]:
            raise NotReplayable(
                f"{self._path}: partition {partition} offset {offset} stands out of order, or twice: export anew"
            )
        self._next[partition] = offset + 1
        self.last_ms = max(self.last_ms, record.timestamp_ms)
        content = record.content
        journal = self.simulation.journal(partition)
        mark = len(journal)
        if isinstance(content, Undecodable):
            self.types["undecodable"] += 1
            self.simulation.reject(partition, "", content.reason, content.detail)
        elif isinstance(content, Event):
            self.types[content.type_name] += 1
            fault = self._belonging[partition].fault(record.key, content)
            if fault:
                self.simulation.reject(partition, content.event_id, WRONG_PARTITION, fault)
            else:
                self.simulation.take(partition, offset, record.timestamp_ms, content)
        else:
            self.types[snake_case(type(content).__name__)] += 1
            self.simulation.take(partition, offset, record.timestamp_ms, content)
        for output in journal[mark:]:
            if isinstance(output, Dead):
                self.letters.append(Letter(partition, offset, output.reason, output.detail))

    def _texts(self) -> Iterator[tuple[int, bytes]]:
        with self._path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if text.strip():
                    yield number, text

    def _read(self, number: int, text: bytes) -> Line:
        try:
            return read_line(text)
        except BadLine as error:
            raise NotReplayable(f"{self._path} line {number}: {error}") from None
