-- Payment requests under the cap of an agreement's variable payments (O17). What they hold of the cap
-- is added up by state; the offer's row lock lets one be asked for at a time.
CREATE TABLE payment_request (
    seller             text           NOT NULL,
    payment_request_id text           NOT NULL,
    offer_id           text           NOT NULL,
    engagement_id      text           NOT NULL,
    agreement_id       text           NOT NULL,
    number             integer        NOT NULL CHECK (number BETWEEN 1 AND 999),
    revision           bigint         NOT NULL CHECK (revision > 0),
    term_id            text           NOT NULL,
    milestone          text           NOT NULL,
    description        text           NOT NULL,
    currency           text           NOT NULL,
    amount             numeric(20, 2) NOT NULL CHECK (amount > 0),
    approves_after     text,
    requested_by       text           NOT NULL,
    requested_at       timestamptz    NOT NULL,
    state              text           NOT NULL CHECK (
        state IN ('sending', 'pending', 'approved', 'rejected', 'cancelled', 'failed')
    ),
    aws_request_id     text,
    last_errors        jsonb          NOT NULL,
    stage              jsonb          NOT NULL,
    updated_at         timestamptz    NOT NULL,
    PRIMARY KEY (seller, payment_request_id),
    CONSTRAINT payment_request_number UNIQUE (seller, agreement_id, number),
    CONSTRAINT payment_request_aws_request_id UNIQUE (seller, aws_request_id),
    CONSTRAINT payment_request_at_aws CHECK (
        (aws_request_id IS NOT NULL) OR state IN ('sending', 'failed')
    )
);

CREATE INDEX payment_request_of_offer ON payment_request (seller, offer_id, number);
