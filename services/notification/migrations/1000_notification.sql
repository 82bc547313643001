-- Who is told what, once, with proof (N1-N6).

-- An address of an audience (N4). The secret signs webhooks and is never shown again.
CREATE TABLE subscription (
    seller          text        NOT NULL,
    subscription_id uuid        NOT NULL,
    audience        text        NOT NULL
        CONSTRAINT subscription_audience_known
        CHECK (audience IN ('deal_desk', 'alliances', 'sales_support', 'finance')),
    channel         text        NOT NULL
        CONSTRAINT subscription_channel_known CHECK (channel IN ('email', 'webhook')),
    address         text        NOT NULL,
    webhook_secret  text,
    disabled_at     timestamptz,
    CONSTRAINT subscription_pkey PRIMARY KEY (seller, subscription_id),
    CONSTRAINT subscription_address_unique UNIQUE (seller, audience, channel, address),
    CONSTRAINT subscription_secret_for_webhooks
        CHECK ((channel = 'webhook') = (webhook_secret IS NOT NULL))
);

-- One notice to one recipient for one cause (N6). What it says is kept as it was said.
CREATE TABLE delivery (
    seller          text        NOT NULL,
    delivery_id     uuid        NOT NULL,
    -- Order of queueing. Webhook rows take it under a lock that replay waits for, so that a
    -- cursor never passes a row that is not committed yet.
    position        bigint      GENERATED ALWAYS AS IDENTITY,
    engagement      text        NOT NULL,
    cause_event_id  uuid        NOT NULL,
    template        text        NOT NULL,
    channel         text        NOT NULL
        CONSTRAINT delivery_channel_known CHECK (channel IN ('email', 'webhook')),
    recipient       text        NOT NULL,
    recipient_name  text,
    -- Empty for the buyer's contact. No foreign key: the record outlives the subscription.
    subscription_id uuid,
    subject         text        NOT NULL,
    body            text        NOT NULL,
    html            text,
    state           text        NOT NULL
        CONSTRAINT delivery_state_known CHECK (state IN ('queued', 'sent', 'failed')),
    -- Attempts of this round; the next redrive starts another.
    tried           integer     NOT NULL,
    attempts        integer     NOT NULL,
    answer          text        NOT NULL,
    queued_at       timestamptz NOT NULL,
    -- When it was sent or given up.
    ended_at        timestamptz,
    version         bigint      NOT NULL,
    CONSTRAINT delivery_pkey PRIMARY KEY (seller, delivery_id),
    CONSTRAINT delivery_once_per_recipient_and_cause
        UNIQUE (seller, cause_event_id, template, channel, recipient),
    CONSTRAINT delivery_ends_in_time CHECK ((state = 'queued') = (ended_at IS NULL))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX delivery_position ON delivery (seller, position);
CREATE INDEX delivery_engagement ON delivery (seller, engagement, position);
CREATE INDEX delivery_failed ON delivery (seller, position) WHERE state = 'failed';
CREATE INDEX delivery_webhook ON delivery (seller, recipient, position) WHERE channel = 'webhook';

-- Every attempt and the answer it got (N6). Never updated, never deleted.
CREATE TABLE attempt (
    seller      text        NOT NULL,
    delivery_id uuid        NOT NULL,
    number      integer     NOT NULL,
    made_at     timestamptz NOT NULL,
    outcome     text        NOT NULL
        CONSTRAINT attempt_outcome_known
        CHECK (outcome IN ('accepted', 'deferred', 'refused', 'gone')),
    answer      text        NOT NULL,
    CONSTRAINT attempt_pkey PRIMARY KEY (seller, delivery_id, number)
);
