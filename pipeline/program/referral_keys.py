"""Reads `referrals` of program.yaml: what makes a referral count."""

from typing import Final

from pipeline.core.bounds import AMOUNT_MINOR_MAX
from pipeline.core.referral_terms import ReferralTerms
from pipeline.program.rules_file import RuleDraft
from pipeline.program.sections import Section
from pipeline.program.shapes import Fields, Key, Keys, Length, Whole

REFERRAL_KEYS: Final[Keys] = {
    "minimum_minor": Key(
        Whole(0, AMOUNT_MINOR_MAX),
        "The least that a purchase of the referred member costs in money, in minor units, to make the referral count.",
        required=True,
    ),
    "within": Key(Length(months=False), "How long after joining it can; at any time without it."),
}
REFERRALS: Final = Fields(REFERRAL_KEYS)


def read_referrals(settings: Section) -> ReferralTerms | None:
    """What makes a referral count; None where nothing has to."""
    section = settings.section("referrals", "referrals", REFERRAL_KEYS)
    if section is None or not section.readable or not section.require("minimum_minor"):
        return None
    minimum_minor = section.integer("minimum_minor", 0, AMOUNT_MINOR_MAX)
    return ReferralTerms(minimum_minor or 0, section.length_ms("within") or 0)


def warn_of_referrals(drafts: list[RuleDraft]) -> None:
    """Rules on `referral_qualified` of a programme in which nothing makes a referral count."""
    for draft in drafts:
        if draft.event_type == "referral_qualified":
            reason = "the rule never gives: the programme does not say what makes a referral count"
            draft.section.warn("on", reason, "add `referrals: {minimum_minor: ...}` to program.yaml")
