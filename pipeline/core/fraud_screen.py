"""Which events fraud signals look at, and the screening of one that they do."""

from pipeline.core.cohorts import Cohorts
from pipeline.core.events import Event
from pipeline.core.fraud_program import FraudProgram
from pipeline.core.fraud_stage import Screening
from pipeline.core.ledger import Posting
from pipeline.core.payloads import RedemptionRequested, TransactionCompleted, TransferReceived
from pipeline.core.program import Program


def concerned(fraud: FraudProgram, event: Event, type_name: str) -> bool:
    """Whether any signal looks at the event; most events of programmes that watch redemptions alone are none."""
    if fraud.earning or fraud.traits or fraud.learned or fraud.refunds or type_name in fraud.events:
        return True
    payload = event.payload
    if isinstance(payload, TransactionCompleted):
        return payload.points_paid > 0 and len(fraud.redeeming) > 0
    if isinstance(payload, TransferReceived):
        return len(fraud.senders) > 0
    looking = len(fraud.redeeming) + len(fraud.attempts) + len(fraud.senders)
    return isinstance(payload, RedemptionRequested) and looking > 0


def screen(posting: Posting, event: Event, type_name: str, program: Program, cohorts: Cohorts) -> Screening | None:
    """The event's screening, with the signals that count events judged; None where no signal looks at the event."""
    fraud = program.fraud
    if fraud is None or not concerned(fraud, event, type_name):
        return None
    screening = Screening(posting, event, type_name, program, fraud, cohorts)
    screening.judge_event()
    return screening
