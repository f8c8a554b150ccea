"""The demo's live day without servers: its script as an exported log, and what a pipeline would leave behind."""

from pathlib import Path

from pipeline.core.events import Event
from pipeline.core.memory import Derived
from pipeline.core.payloads import ProgramActivated, TransactionCompleted
from pipeline.core.reasons import NO_PROGRAM
from pipeline.core.records import (
    DeadLetter,
    FraudAlert,
    FulfillmentCommand,
    LedgerEntry,
    MemberBalance,
    ReviewChange,
    RewardDecision,
    TierChange,
    WalletBalance,
)
from pipeline.demo.acts import whole_day
from pipeline.demo.outputs import Outputs, tiers_of
from pipeline.demo.proof import Evidence, Inputs
from pipeline.demo.script import DEAD, Script, Step
from pipeline.demo.stores import kafka_states, ledger_states
from pipeline.history.log_lines import Footer, Header, ProgramLine, footer_line, header_line, program_line, record_line
from pipeline.history.replay import Letter, Replay
from pipeline.program import load_program
from pipeline.sinks.chain_check import ChainCheck
from pipeline.sinks.ledger_verify import entry_of_record
from pipeline.wire.codec import Decoder, Encoder, Undecodable
from pipeline.wire.schemas import CommittedSchemas

SHOP = load_program(Path(__file__).resolve().parents[3] / "programs" / "shop")
NOW_MS = 1_790_000_000_000
STARTS_MS = NOW_MS - 30 * 86_400_000
PARTITIONS = 2


def scripted_day(partitions: int = PARTITIONS) -> tuple[Script, list[Step]]:
    """The script, and all that is expected: also of the purchase that lies before the programme."""
    script = Script(Encoder(CommittedSchemas().schema_ids), partitions, NOW_MS)
    early = Event(
        "early",
        "early",
        STARTS_MS - 1,
        "import",
        "",
        {},
        TransactionCompleted("e", 1, "USD", "", "", "", []),
        STARTS_MS,
    )
    first = script.step(early, DEAD + NO_PROGRAM)
    whole_day(script, [], SHOP.hash)
    return script, [first, *script.steps]


def exported(steps: list[Step], path: Path, partitions: int = PARTITIONS) -> Path:
    """The steps as an exported log: a programme activated first, timestamps as the events have them, else now."""
    decoder = Decoder(CommittedSchemas())
    offsets = [0] * partitions
    lines = [
        header_line(Header("member-events", partitions, [0] * partitions, "2026-01-01T00:00:00+00:00")),
        program_line(ProgramLine(SHOP.hash, SHOP.canonical().decode())),
    ]

    def add(partition: int, timestamp_ms: int, key: bytes | None, value: bytes, content: object) -> None:
        record = (offsets[partition], timestamp_ms, key, value)
        lines.append(record_line(partition, record, content))  # type: ignore[arg-type]
        offsets[partition] += 1

    for partition in range(partitions):
        add(partition, STARTS_MS, None, b"", ProgramActivated(SHOP.hash, STARTS_MS, "me", ""))
    for step in steps:
        timestamp_ms = NOW_MS if step.event is None else step.event.recorded_at_ms
        try:
            content: object = decoder.decode(step.value, timestamp_ms)
        except Undecodable as error:
            content = error
        add(step.partition, timestamp_ms, step.key, step.value, content)
    path.write_bytes(b"".join([*lines, footer_line(Footer(sum(offsets)))]))
    return path


def evidence(steps: list[Step], path: Path) -> Evidence:
    """What a pipeline without fault would have left behind after this log."""
    replay = Replay(path)
    inputs = Inputs()
    replay.run(on_record=inputs.add)
    outputs = Outputs()
    check = ChainCheck()
    for partition in range(replay.header.partitions):
        for output in replay.simulation.journal(partition):
            match output:
                case LedgerEntry():
                    outputs.audit.add(output)
                    check.feed(entry_of_record(output))
                case RewardDecision():
                    outputs.decisions.append(output)
                case TierChange():
                    outputs.tier_changes.append(output)
                case FulfillmentCommand():
                    outputs.commands.append(output)
                case FraudAlert():
                    outputs.alerts.append(output)
                case ReviewChange():
                    outputs.reviews.append(output)
                case Derived():
                    outputs.derived.append(output.event)
        for member in replay.simulation.state(partition).members.values():
            wallets = [WalletBalance(u, w.available, w.pending, w.held, w.debt) for u, w in member.wallets.items()]
            outputs.balances[member.member_id] = MemberBalance(
                member.member_id, member.seq, member.tier, member.tier_until_ms, wallets, member.last_hash, 1, 0, False
            )
    outputs.letters = [dead_letter(steps, letter) for letter in replay.letters]
    states = kafka_states(outputs.balances.values())
    table = ledger_states(outputs.audit, tiers_of(outputs.tier_changes))
    return Evidence(inputs, replay, outputs, dict(states), table, check.report)


def dead_letter(steps: list[Step], letter: Letter) -> DeadLetter:
    """The record as it lies in dead-letters; offset 0 of each partition is the activation."""
    value = [step.value for step in steps if step.partition == letter.partition][letter.offset - 1]
    return DeadLetter(
        letter.reason, letter.detail, "member-events", letter.partition, letter.offset, NOW_MS, b"", value, "", "", ""
    )
