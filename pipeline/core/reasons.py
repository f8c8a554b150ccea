"""Every typed reason for which a record goes to dead-letters or an event is refused."""

from typing import Final

MISSING_FIELD: Final = "missing_field"
OUT_OF_RANGE: Final = "out_of_range"
MALFORMED: Final = "malformed"
OCCURRED_IN_FUTURE: Final = "occurred_in_future"
OCCURRED_TOO_LONG_AGO: Final = "occurred_too_long_ago"
UNKNOWN_CURRENCY: Final = "unknown_currency"
NO_EXCHANGE_RATE: Final = "no_exchange_rate"
UNDECLARED_EVENT: Final = "undeclared_event"
UNDECLARED_ATTRIBUTE: Final = "undeclared_attribute"
MISTYPED_ATTRIBUTE: Final = "mistyped_attribute"
UNKNOWN_UNIT: Final = "unknown_unit"
REPEATED_LINE: Final = "repeated_line"
SELF_REFERRAL: Final = "self_referral"
SELF_TRANSFER: Final = "self_transfer"
RESERVED_TYPE: Final = "reserved_type"
CONFLICT: Final = "conflict"
NO_PROGRAM: Final = "no_program"
ACTIVATION_TOO_LATE: Final = "activation_too_late"
BASELINES_REFUSED: Final = "baselines_refused"
WRONG_PARTITION: Final = "wrong_partition"
NOT_AVRO: Final = "not_avro"
UNDECODABLE: Final = "undecodable"
UNKNOWN_SCHEMA: Final = "unknown_schema"
UNKNOWN_TYPE: Final = "unknown_type"
UNKNOWN_FEED: Final = "unknown_feed"
BAD_SIGNATURE: Final = "bad_signature"
NOT_MAPPED: Final = "not_mapped"
FEED_LIMIT: Final = "feed_limit"
FEED_REFUSED: Final = "feed_refused"

DEAD_LETTER_REASONS: Final[dict[str, str]] = {
    MISSING_FIELD: "A required field is empty.",
    OUT_OF_RANGE: "A number is outside its range.",
    MALFORMED: "A text is not of the form its field asks for.",
    OCCURRED_IN_FUTURE: "The event says it occurred later than its record's timestamp allows.",
    OCCURRED_TOO_LONG_AGO: "The event says it occurred longer ago than duplicates are searched for.",
    UNKNOWN_CURRENCY: "The programme does not know the currency.",
    NO_EXCHANGE_RATE: "The programme has no rate of the currency for the day of the event.",
    UNDECLARED_EVENT: "The programme declares its custom events, and not one of this name.",
    UNDECLARED_ATTRIBUTE: "The custom event has an attribute that the programme does not declare.",
    MISTYPED_ATTRIBUTE: "The custom event has an attribute of another type than the programme declares.",
    UNKNOWN_UNIT: "The programme does not know the unit.",
    REPEATED_LINE: "Two lines of an order have the same line id.",
    SELF_REFERRAL: "A member refers themselves.",
    SELF_TRANSFER: "A member gives points to themselves.",
    RESERVED_TYPE: "Only the pipeline itself sends events of this type.",
    CONFLICT: "The id was used before, for an event of another content.",
    NO_PROGRAM: "No programme was in force when the event occurred.",
    ACTIVATION_TOO_LATE: "A programme was activated less than the lead time before it takes effect.",
    BASELINES_REFUSED: "Cohort baselines take effect too soon or too late, or are not whole.",
    WRONG_PARTITION: "The record's key is not the member's id, or belongs to another partition.",
    NOT_AVRO: "The value does not begin with the magic byte and a schema id.",
    UNDECODABLE: "The bytes are not a record of the schema they name.",
    UNKNOWN_SCHEMA: "The registry does not know the schema id.",
    UNKNOWN_TYPE: "The schema is none of the pipeline's event types.",
    UNKNOWN_FEED: "No published programme has a feed of this name.",
    BAD_SIGNATURE: "The message was not signed with the feed's secret.",
    NOT_MAPPED: "The message does not fit what partners.yaml declares of the feed.",
    FEED_LIMIT: "An event is beyond what partners.yaml allows the feed.",
    FEED_REFUSED: "The feed was held, and its messages were refused by command.",
}
"""Reason to what it means, for records that go to dead-letters: their ids do not enter the duplicate search."""

MEMBER_NOT_ENROLLED: Final = "member_not_enrolled"
ALREADY_ENROLLED: Final = "already_enrolled"
ORDER_EXISTS: Final = "order_exists"
ORDER_UNKNOWN: Final = "order_unknown"
ORDER_CANCELLED: Final = "order_cancelled"
REVISION_OLDER: Final = "revision_older"
LINE_UNKNOWN: Final = "line_unknown"
REFUND_EXCEEDS_LINE: Final = "refund_exceeds_line"
CURRENCY_DIFFERS: Final = "currency_differs"
REFUND_EXCEEDS_ORDER: Final = "refund_exceeds_order"
UNKNOWN_REWARD: Final = "unknown_reward"
REDEMPTION_EXISTS: Final = "redemption_exists"
REDEMPTION_NOT_OPEN: Final = "redemption_not_open"
ALREADY_CANCELLING: Final = "already_cancelling"
ALREADY_CONFIRMED: Final = "already_confirmed"
QUANTITY_EXCEEDS_HOLD: Final = "quantity_exceeds_hold"
TIER_REQUIRED: Final = "tier_required"
LIMIT_REACHED: Final = "limit_reached"
INSUFFICIENT_POINTS: Final = "insufficient_points"
BALANCE_TOO_LARGE: Final = "balance_too_large"
NOT_QUARANTINED: Final = "not_quarantined"
TRANSFER_NOT_ALLOWED: Final = "transfer_not_allowed"
TRANSFER_TOO_SMALL: Final = "transfer_too_small"
TOO_MANY_LOTS: Final = "too_many_lots"
FRAUD_DENIED: Final = "fraud_denied"
REDEMPTIONS_FROZEN: Final = "redemptions_frozen"
UNDER_REVIEW: Final = "under_review"
REVIEW_NOT_OPEN: Final = "review_not_open"
SAME_REVIEWER: Final = "same_reviewer"
GRANT_NOT_AWAITED: Final = "grant_not_awaited"
POOLING_NOT_ALLOWED: Final = "pooling_not_allowed"
IN_A_HOUSEHOLD: Final = "in_a_household"
NOT_IN_HOUSEHOLD: Final = "not_in_household"

REFUSAL_REASONS: Final[dict[str, str]] = {
    MEMBER_NOT_ENROLLED: "The programme requires enrolment and the member has not enrolled.",
    ALREADY_ENROLLED: "The member has enrolled before.",
    ORDER_EXISTS: "The member has another purchase of this order id.",
    ORDER_UNKNOWN: "So many refunds of this order id wait for its purchase that no further one can.",
    ORDER_CANCELLED: "The order was cancelled; a completion of a higher revision would open it again.",
    REVISION_OLDER: "A newer revision of the order was seen before.",
    LINE_UNKNOWN: "The order has no such line, or its lines are worth nothing.",
    REFUND_EXCEEDS_LINE: "More pieces of a line would be refunded than are left of it.",
    CURRENCY_DIFFERS: "The refund is not in the order's currency.",
    REFUND_EXCEEDS_ORDER: "Refunds would add up to more than was paid.",
    UNKNOWN_REWARD: "The catalogue has no such reward.",
    REDEMPTION_EXISTS: "A redemption of this id is open.",
    REDEMPTION_NOT_OPEN: "No redemption of this id, or of this fulfilment, is open.",
    ALREADY_CANCELLING: "The redemption's cancellation was asked for before.",
    ALREADY_CONFIRMED: "The redemption needs no confirmation, or has had it.",
    QUANTITY_EXCEEDS_HOLD: "More pieces would be confirmed than are on hold.",
    TIER_REQUIRED: "The reward is for other tiers.",
    LIMIT_REACHED: "The reward's limit for this member does not allow it.",
    INSUFFICIENT_POINTS: "The member has fewer available points than this takes.",
    BALANCE_TOO_LARGE: "The wallet cannot hold so many points.",
    NOT_QUARANTINED: "The member is not quarantined.",
    TRANSFER_NOT_ALLOWED: "The programme does not let members give each other points of this unit.",
    TRANSFER_TOO_SMALL: "The programme asks for more points in one transfer, or to be pooled at once.",
    TOO_MANY_LOTS: "The points lie in more than 1,000 lots; give them in parts.",
    REDEMPTIONS_FROZEN: "A fraud review keeps the member's points from being redeemed until it is approved.",
    UNDER_REVIEW: "The redemption waits for a reviewer's verdict.",
    REVIEW_NOT_OPEN: "No review of this id is open.",
    SAME_REVIEWER: "So many points need the verdicts of two different reviewers.",
    FRAUD_DENIED: "A fraud signal of the programme denies it; fraud-alerts says which and why.",
    POOLING_NOT_ALLOWED: "The programme has no households, or they do not pool points of this unit.",
    IN_A_HOUSEHOLD: "The member belongs to a household; leave it first.",
    NOT_IN_HOUSEHOLD: "The member does not belong to the household, or to any.",
    GRANT_NOT_AWAITED: "Nothing of the member waits for this answer of a pool: it was answered before, or never asked.",
}
"""Reason to what it means, for events that are understood and change nothing: their ids enter the duplicate search."""

WAITS_FOR_ORDER: Final = "waits_for_order"
REFUND_NOT_APPLIED: Final = "refund_not_applied"
WAITS_FOR_GRANT: Final = "waits_for_grant"
WAITS_FOR_SIGNAL: Final = "waits_for_signal"
DENIED_BY_SIGNAL: Final = "denied_by_signal"
PARTLY_GRANTED: Final = "partly_granted"
NOTHING_LEFT: Final = "nothing_left"
GRANT_GIVEN_BACK: Final = "grant_given_back"

APPLIED_REASONS: Final[dict[str, str]] = {
    WAITS_FOR_ORDER: "The purchase has not arrived; this counts for it when it does.",
    WAITS_FOR_GRANT: "The pool of stock, voucher codes or the household's points is asked.",
    WAITS_FOR_SIGNAL: "The points are held, and the pools of fraud signals across members are asked.",
    DENIED_BY_SIGNAL: "A fraud signal across members denies the redemption that waited for it; it is void.",
    PARTLY_GRANTED: "The pool had fewer pieces left than asked for, or points for fewer; the others are free again.",
    NOTHING_LEFT: "The pool had nothing left: the award is not given, or the redemption is void.",
    GRANT_GIVEN_BACK: "What was granted is not needed any more and went back to the pool.",
    REFUND_NOT_APPLIED: "A refund that waited for this purchase does not fit it: other currency or lines.",
}
"""Reason to what it means, for events that are applied and yet do not do all they ask for at once."""

WAITING: Final = (WAITS_FOR_ORDER, WAITS_FOR_GRANT, WAITS_FOR_SIGNAL)
"""Those of them that say what the event waits for."""
