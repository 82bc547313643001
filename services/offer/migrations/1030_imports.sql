-- Offers that the seller has at AWS, whoever made them (O12). What AWS writes is kept as AWS writes it: a
-- value that is new to us is no error.
CREATE TABLE marketplace_offer (
    seller          text        NOT NULL,
    aws_offer_id    text        NOT NULL,
    name            text        NOT NULL,
    product_id      text        NOT NULL,
    state           text        NOT NULL,
    buyer_accounts  text[]      NOT NULL,
    available_until text        NOT NULL,
    released_at     text        NOT NULL,
    modified_at     text        NOT NULL,
    first_seen      timestamptz NOT NULL,
    PRIMARY KEY (seller, aws_offer_id)
);

CREATE INDEX marketplace_offer_newest ON marketplace_offer (seller, first_seen DESC, aws_offer_id DESC);

-- The seller's import, the last one: how far it is, and where it goes on after a stop.
CREATE TABLE marketplace_import (
    seller      text        PRIMARY KEY,
    number      bigint      NOT NULL,
    state       text        NOT NULL CHECK (state IN ('running', 'done', 'failed')),
    started_at  timestamptz NOT NULL,
    since       timestamptz,
    next_token  text,
    pages       bigint      NOT NULL,
    seen        bigint      NOT NULL,
    new         bigint      NOT NULL,
    changed     bigint      NOT NULL,
    ended_at    timestamptz,
    problem     text,
    CONSTRAINT marketplace_import_end_is_dated CHECK ((state = 'running') = (ended_at IS NULL)),
    CONSTRAINT marketplace_import_failure_is_told CHECK ((state = 'failed') = (problem IS NOT NULL)),
    CONSTRAINT marketplace_import_cursor_of_running CHECK (state = 'running' OR next_token IS NULL)
);
