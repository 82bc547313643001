-- Clocks: what must happen by a time (O18). A clock ends once.
CREATE TABLE clock (
    seller        text        NOT NULL,
    clock_id      text        NOT NULL,
    kind          text        NOT NULL,
    offer_id      text        NOT NULL,
    engagement_id text        NOT NULL,
    owner         text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('running', 'settled', 'breached')),
    started_at    timestamptz NOT NULL,
    due_at        timestamptz NOT NULL,
    ended_at      timestamptz,
    reason        text,
    PRIMARY KEY (seller, clock_id),
    CONSTRAINT clock_end_is_whole CHECK ((state = 'running') = (ended_at IS NULL)),
    CONSTRAINT clock_settled_says_why CHECK ((state = 'settled') = (reason IS NOT NULL))
);

CREATE INDEX clock_next_due ON clock (seller, due_at, clock_id);
CREATE INDEX clock_of_offer ON clock (seller, offer_id, kind) WHERE state = 'running';

-- The days on which a seller works; without a row Monday to Friday.
CREATE TABLE seller_calendar (
    seller           text        PRIMARY KEY,
    holidays         date[]      NOT NULL,
    working_weekdays smallint[]  NOT NULL CHECK (cardinality(working_weekdays) BETWEEN 1 AND 7),
    updated_at       timestamptz NOT NULL
);

-- What a person confirmed of the seller's AWS account (O4).
CREATE TABLE prerequisite (
    seller       text        NOT NULL,
    item         text        NOT NULL,
    confirmed_by text        NOT NULL,
    confirmed_at timestamptz NOT NULL,
    PRIMARY KEY (seller, item)
);
