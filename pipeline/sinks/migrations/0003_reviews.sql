-- What becomes of fraud reviews.

CREATE TABLE review_changes (
    change_id       text        PRIMARY KEY,
    review_id       text        NOT NULL,
    member_id       text        NOT NULL,
    status          text        NOT NULL,
    signal_id       text        NOT NULL,
    parts           jsonb       NOT NULL,
    redemption_id   text        NOT NULL,
    order_id        text        NOT NULL,
    freezes         boolean     NOT NULL,
    reviewers       integer     NOT NULL,
    reviewer        text        NOT NULL,
    verdict         text        NOT NULL,
    reason          text        NOT NULL,
    due_at          timestamptz,
    default_verdict text        NOT NULL,
    event_id        text        NOT NULL,
    program_hash    text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    seq             bigint      NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL
);
COMMENT ON COLUMN review_changes.due_at IS 'When the default verdict is given; null means never.';
CREATE INDEX review_changes_review ON review_changes (review_id, kafka_offset);
CREATE INDEX review_changes_member ON review_changes (member_id, kafka_offset);

-- A rejected freeze goes on, and can still be approved: it is open.
CREATE VIEW reviews AS
    SELECT DISTINCT ON (review_id)
        review_id, member_id, status, signal_id, parts, redemption_id, order_id, freezes, reviewers, reviewer, verdict,
        reason, due_at, default_verdict, event_id, program_hash,
        first_value(occurred_at) OVER whole AS opened_at, recorded_at,
        status IN ('opened', 'endorsed') OR (freezes AND status = 'rejected') AS open
    FROM review_changes
    WINDOW whole AS (PARTITION BY review_id ORDER BY kafka_offset)
    ORDER BY review_id, kafka_offset DESC;
COMMENT ON VIEW reviews IS 'Each fraud review as it stands.';
