-- Change orders: an agreement that another one replaces (O15). One that did not come to nothing is the only
-- one of its agreement; the offer's row lock lets one be started at a time.
CREATE TABLE change_order (
    seller              text        NOT NULL,
    change_order_id     text        NOT NULL,
    offer_id            text        NOT NULL,
    engagement_id       text        NOT NULL,
    agreement_id        text        NOT NULL,
    revision            bigint      NOT NULL CHECK (revision > 0),
    reason              text        NOT NULL,
    started_by          text        NOT NULL,
    started_at          timestamptz NOT NULL,
    state               text        NOT NULL CHECK (
        state IN ('started', 'sending', 'pending', 'over', 'replaced', 'rejected', 'withdrawn',
            'failed')
    ),
    aws_cancellation_id text,
    -- Stage, cancellation request, AWS's errors, invoices and adjustments.
    progress            jsonb       NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (seller, change_order_id),
    CONSTRAINT change_order_aws_cancellation_id UNIQUE (seller, aws_cancellation_id)
);

CREATE UNIQUE INDEX change_order_open ON change_order (seller, agreement_id)
    WHERE state IN ('started', 'sending', 'pending', 'over', 'replaced');
CREATE INDEX change_order_newest ON change_order (seller, started_at, change_order_id);
CREATE INDEX change_order_of_agreement ON change_order (seller, agreement_id);
