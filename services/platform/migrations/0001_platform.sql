-- The platform's tables, the same in every service's schema (versions below 1000).
-- Written by the owner role; the run role gets what src/migrate.rs grants.

-- One row per command: its reply, or its refusal, for every retry (P4).
CREATE TABLE idempotency (
    seller          text        NOT NULL,
    key             text        NOT NULL,
    principal       text        NOT NULL,
    rpc             text        NOT NULL,
    request_hash    bytea       NOT NULL,
    reply           bytea,
    reject_code     integer,
    reject_message  text,
    reject_details  bytea,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (seller, key)
);

-- Where each aggregate stands: the last event's number, the last audit entry's number and hash.
-- Its row lock makes the outbox order of an aggregate the order of its commits.
CREATE TABLE aggregate_sequence (
    seller       text   NOT NULL,
    aggregate_id text   NOT NULL,
    event_seq    bigint NOT NULL,
    audit_seq    bigint NOT NULL,
    audit_head   bytea  NOT NULL,
    PRIMARY KEY (seller, aggregate_id)
) WITH (fillfactor = 70);

-- The record of every event ever published (P2). NATS may lose what it acknowledged; this does not.
CREATE TABLE outbox (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      uuid        NOT NULL UNIQUE,
    seller        text        NOT NULL,
    engagement    text,
    aggregate_id  text        NOT NULL,
    aggregate_seq bigint      NOT NULL,
    type_name     text        NOT NULL,
    causation     text        NOT NULL,
    traceparent   text        NOT NULL,
    payload       bytea       NOT NULL,
    occurred_at   timestamptz NOT NULL,
    generation    integer     NOT NULL DEFAULT 0,
    published_at  timestamptz,
    stream_seq    bigint,
    UNIQUE (seller, aggregate_id, aggregate_seq)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX outbox_unpublished ON outbox (id) WHERE published_at IS NULL;
CREATE INDEX outbox_stream_seq ON outbox (stream_seq) WHERE stream_seq IS NOT NULL;

-- Which stream the published rows lie in, to notice when NATS lost or replaced it.
CREATE TABLE relay_state (
    stream         text PRIMARY KEY,
    stream_created text NOT NULL
);

-- Who did what, when, why, and because of what (P3). Never updated, never deleted.
-- before and after are text, not jsonb: the hash is over what was written, not over what it means.
CREATE TABLE audit (
    seller       text        NOT NULL,
    aggregate_id text        NOT NULL,
    audit_seq    bigint      NOT NULL,
    engagement   text,
    occurred_at  timestamptz NOT NULL,
    cause_kind   text        NOT NULL,
    cause_id     text        NOT NULL,
    principal    text        NOT NULL,
    action       text        NOT NULL,
    reason       text        NOT NULL,
    state_before text,
    state_after  text,
    hash         bytea       NOT NULL,
    PRIMARY KEY (seller, aggregate_id, audit_seq)
);

-- Every event that this service has dealt with, once. Never updated, never deleted.
CREATE TABLE inbox (
    event_id     uuid        PRIMARY KEY,
    source       text        NOT NULL,
    seller       text        NOT NULL,
    aggregate_id text        NOT NULL,
    type_name    text        NOT NULL,
    outcome      text        NOT NULL CHECK (outcome IN ('applied', 'ignored', 'rejected')),
    reason       text,
    received_at  timestamptz NOT NULL
);

-- How far each aggregate of another service was applied here. Blocked: an event of it is parked.
CREATE TABLE aggregate_cursor (
    seller       text    NOT NULL,
    source       text    NOT NULL,
    aggregate_id text    NOT NULL,
    last_seq     bigint  NOT NULL,
    blocked      boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (seller, source, aggregate_id)
) WITH (fillfactor = 70);

-- Events that could not be applied, and those that wait behind them.
CREATE TABLE parked_event (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id      uuid        NOT NULL UNIQUE,
    source        text        NOT NULL,
    seller        text        NOT NULL,
    engagement    text,
    aggregate_id  text        NOT NULL,
    aggregate_seq bigint      NOT NULL,
    type_name     text        NOT NULL,
    causation     text        NOT NULL,
    traceparent   text        NOT NULL,
    payload       bytea       NOT NULL,
    occurred_at   timestamptz NOT NULL,
    error         text        NOT NULL,
    behind        boolean     NOT NULL,
    attempts      bigint      NOT NULL,
    parked_at     timestamptz NOT NULL,
    redriven_at   timestamptz
);

CREATE INDEX parked_event_waiting ON parked_event (seller, source, aggregate_id, aggregate_seq)
    WHERE redriven_at IS NULL;

-- The last message applied from another service's stream, to notice when that stream went back.
CREATE TABLE consumer_position (
    source          text   PRIMARY KEY,
    stream_created  text   NOT NULL,
    last_stream_seq bigint NOT NULL,
    last_message_id text   NOT NULL
);

-- Timers, retries and calls to the outside, due at a time of the service's clock.
-- The lease is by the database's clock, so that a rehearsal does not end it.
CREATE TABLE task (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL,
    key         text        NOT NULL,
    payload     jsonb       NOT NULL,
    state       text        NOT NULL CHECK (state IN ('pending', 'running', 'done', 'failed')),
    due_at      timestamptz NOT NULL,
    attempts    integer     NOT NULL DEFAULT 0,
    lease       uuid,
    lease_until timestamptz,
    last_error  text,
    traceparent text        NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    UNIQUE (kind, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01);

CREATE INDEX task_due ON task (due_at) WHERE state = 'pending';
CREATE INDEX task_running ON task (lease_until) WHERE state = 'running';
