-- What fraud signals said of events.

CREATE TABLE fraud_alerts (
    alert_id        text        PRIMARY KEY,
    member_id       text        NOT NULL,
    signal_id       text        NOT NULL,
    kind            text        NOT NULL,
    action          text        NOT NULL,
    mode            text        NOT NULL,
    event_id        text        NOT NULL,
    source          text        NOT NULL,
    event_type      text        NOT NULL,
    measured        text        NOT NULL,
    value           bigint      NOT NULL,
    "limit"         bigint      NOT NULL,
    key             text        NOT NULL,
    unit            text        NOT NULL,
    points          bigint      NOT NULL,
    evidence        jsonb       NOT NULL,
    history         jsonb       NOT NULL,
    review_id       text        NOT NULL,
    program_hash    text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    traceparent     text        NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL
);
COMMENT ON COLUMN fraud_alerts.points IS 'What the action took out or held; in shadow mode, what it would have.';
CREATE INDEX fraud_alerts_member ON fraud_alerts (member_id, kafka_offset);
CREATE INDEX fraud_alerts_event ON fraud_alerts (event_id);
CREATE INDEX fraud_alerts_signal ON fraud_alerts (signal_id, occurred_at);
