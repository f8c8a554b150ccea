-- The output topics as tables. Rows are only ever added by the sink; sink_offsets moves in the same transaction.

CREATE TABLE sink_offsets (
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    topic_id    text    NOT NULL,
    PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE sink_offsets IS 'Offset of the next record to read, per partition. topic_id tells a topic from one created anew under its name.';

CREATE TABLE sink_rejects (
    topic        text        NOT NULL,
    partition    integer     NOT NULL,
    "offset"     bigint      NOT NULL,
    reason       text        NOT NULL,
    detail       text        NOT NULL,
    value        bytea       NOT NULL,
    rejected_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
COMMENT ON TABLE sink_rejects IS 'Records of the output topics that the sink could not use, as they stood.';

-- Exact for every millisecond; what PostgreSQL cannot hold becomes the nearest of years 1 to 9999.
CREATE FUNCTION time_of_ms(ms bigint) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT 'epoch'::timestamptz + least(greatest(ms, -62135596800000), 253402300799999) * interval '1 millisecond'
$$;

CREATE TABLE ledger_entries (
    entry_id        text        PRIMARY KEY,
    member_id       text        NOT NULL,
    seq             bigint      NOT NULL,
    kind            text        NOT NULL,
    unit            text        NOT NULL,
    amount          bigint      NOT NULL,
    debit           text        NOT NULL,
    credit          text        NOT NULL,
    lot             bigint      NOT NULL,
    event_id        text        NOT NULL,
    source          text        NOT NULL,
    rule_id         text        NOT NULL,
    leg             integer     NOT NULL,
    program_hash    text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    previous_hash   bytea       NOT NULL,
    hash            bytea       NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL
);
-- Not unique: a forged row beside a true one is evidence, and must not keep the true one out.
CREATE INDEX ledger_entries_member ON ledger_entries (member_id COLLATE "C", seq);
CREATE INDEX ledger_entries_event ON ledger_entries (event_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: entries are never changed; a correction is another entry', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_entries_only_grow BEFORE UPDATE OR DELETE ON ledger_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_entries_never_emptied BEFORE TRUNCATE ON ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- Always: also for sessions that replay as a replica, which skip ordinary triggers.
ALTER TABLE ledger_entries ENABLE ALWAYS TRIGGER ledger_entries_only_grow;
ALTER TABLE ledger_entries ENABLE ALWAYS TRIGGER ledger_entries_never_emptied;

CREATE VIEW account_balances AS
    SELECT account, unit, sum(points)::bigint AS points
    FROM (
        SELECT credit AS account, unit, amount AS points FROM ledger_entries
        UNION ALL
        SELECT debit, unit, -amount FROM ledger_entries
    ) AS legs
    GROUP BY account, unit;
COMMENT ON VIEW account_balances IS 'Points per account and unit; over all accounts of a unit they sum to zero.';

CREATE TABLE tier_changes (
    change_id         text        PRIMARY KEY,
    member_id         text        NOT NULL,
    previous_tier     text        NOT NULL,
    tier              text        NOT NULL,
    reason            text        NOT NULL,
    qualifying_points bigint      NOT NULL,
    valid_until       timestamptz,
    event_id          text        NOT NULL,
    program_hash      text        NOT NULL,
    occurred_at       timestamptz NOT NULL,
    recorded_at       timestamptz NOT NULL,
    seq               bigint      NOT NULL,
    kafka_partition   integer     NOT NULL,
    kafka_offset      bigint      NOT NULL
);
COMMENT ON COLUMN tier_changes.valid_until IS 'When the tier is reviewed; null means never.';
CREATE INDEX tier_changes_member ON tier_changes (member_id, kafka_offset);
CREATE INDEX tier_changes_event ON tier_changes (event_id);

CREATE TABLE decisions (
    event_id        text        NOT NULL,
    member_id       text        NOT NULL,
    source          text        NOT NULL,
    event_type      text        NOT NULL,
    outcome         text        NOT NULL,
    reason          text        NOT NULL,
    rewards         jsonb       NOT NULL,
    rule_errors     jsonb       NOT NULL,
    program_hash    text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    traceparent     text        NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL,
    PRIMARY KEY (event_id, member_id, source)
);
COMMENT ON COLUMN decisions.rewards IS 'Per rule whose condition held: rule_id, type, unit, value (given), desired, limited_by, mode.';
CREATE INDEX decisions_member ON decisions (member_id, kafka_offset);

CREATE TABLE fulfillments (
    fulfillment_id  text        NOT NULL,
    member_id       text        NOT NULL,
    redemption_id   text        NOT NULL,
    action          text        NOT NULL,
    reward_id       text        NOT NULL,
    provider        text        NOT NULL,
    quantity        integer     NOT NULL,
    unit            text        NOT NULL,
    points          bigint      NOT NULL,
    event_id        text        NOT NULL,
    program_hash    text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    traceparent     text        NOT NULL,
    kafka_partition integer     NOT NULL,
    kafka_offset    bigint      NOT NULL,
    PRIMARY KEY (fulfillment_id, action, event_id)
);
CREATE INDEX fulfillments_member ON fulfillments (member_id, kafka_offset);
CREATE INDEX fulfillments_event ON fulfillments (event_id);

CREATE TABLE dead_letters (
    kafka_partition  integer     NOT NULL,
    kafka_offset     bigint      NOT NULL,
    reason           text        NOT NULL,
    detail           text        NOT NULL,
    source_topic     text        NOT NULL,
    source_partition integer     NOT NULL,
    source_offset    bigint      NOT NULL,
    source_time      timestamptz NOT NULL,
    key              bytea       NOT NULL,
    value            bytea       NOT NULL,
    event_id         text        NOT NULL,
    member_id        text        NOT NULL,
    traceparent      text        NOT NULL,
    PRIMARY KEY (kafka_partition, kafka_offset)
);
COMMENT ON TABLE dead_letters IS 'Place of the dead letter itself in kafka_*, of the record at fault in source_*.';
CREATE INDEX dead_letters_event ON dead_letters (event_id);
CREATE INDEX dead_letters_member ON dead_letters (member_id);
