-- What is expected, what AWS's feeds say, what was booked, what differs (R1 to R5).
-- Every key leads with the seller.

-- One turn at a time per seller: what comes from a feed and what is accepted must see each other,
-- and one deposit pays several agreements.
CREATE TABLE seller_turn (
    seller text NOT NULL,
    CONSTRAINT seller_turn_pk PRIMARY KEY (seller)
);

CREATE TABLE cash_policy (
    seller              text        NOT NULL,
    -- NULL: paid out daily.
    monthly_day         integer,
    -- In minor units.
    penny_tolerance     integer     NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT cash_policy_pk PRIMARY KEY (seller),
    CONSTRAINT cash_policy_monthly_day CHECK (monthly_day BETWEEN 1 AND 28),
    CONSTRAINT cash_policy_penny_tolerance CHECK (penny_tolerance BETWEEN 0 AND 100)
);

-- An accepted agreement: what was agreed, as it was when it was accepted (R1).
CREATE TABLE agreement (
    seller             text           NOT NULL,
    agreement_id       text           NOT NULL,
    engagement_id      text           NOT NULL,
    aws_offer_id       text           NOT NULL,
    accepted_at        timestamptz    NOT NULL,
    currency           text           NOT NULL,
    base_total         numeric(20, 2) NOT NULL,
    price_total        numeric(20, 2) NOT NULL,
    fee_rate           numeric(12, 11) NOT NULL,
    expected_fee       numeric(20, 2) NOT NULL,
    billing_terms_days integer        NOT NULL,
    monthly_day        integer,
    penny_tolerance    integer        NOT NULL,
    settled_at         timestamptz,
    version            bigint         NOT NULL,
    CONSTRAINT agreement_pk PRIMARY KEY (seller, agreement_id)
);

CREATE INDEX agreement_engagement ON agreement (seller, engagement_id, accepted_at);
CREATE INDEX agreement_offer ON agreement (seller, aws_offer_id);

CREATE TABLE expected_charge (
    seller       text           NOT NULL,
    agreement_id text           NOT NULL,
    number       integer        NOT NULL,
    charge_date  date           NOT NULL,
    amount       numeric(20, 2) NOT NULL,
    fee          numeric(20, 2) NOT NULL,
    payment_due  date           NOT NULL,
    disbursement_expected date  NOT NULL,
    CONSTRAINT expected_charge_pk PRIMARY KEY (seller, agreement_id, number),
    CONSTRAINT expected_charge_agreement FOREIGN KEY (seller, agreement_id)
        REFERENCES agreement (seller, agreement_id)
);

-- One version of one feed file, named by its bytes, and what became of its rows (R2).
CREATE TABLE feed_file (
    id            bigint      GENERATED ALWAYS AS IDENTITY,
    seller        text        NOT NULL,
    path          text        NOT NULL,
    digest        bytea       NOT NULL,
    feed          text        NOT NULL,
    -- 'reading' until every row was taken or refused.
    state         text        NOT NULL,
    -- Rows taken or refused so far: where reading goes on after a crash.
    rows_done     bigint      NOT NULL,
    new_rows      bigint      NOT NULL,
    repeated_rows bigint      NOT NULL,
    refused_rows  bigint      NOT NULL,
    remarks       jsonb       NOT NULL,
    read_at       timestamptz NOT NULL,
    CONSTRAINT feed_file_pk PRIMARY KEY (seller, path, digest),
    CONSTRAINT feed_file_state CHECK (state IN ('reading', 'ingested', 'partial', 'refused')),
    CONSTRAINT feed_file_no_row_is_lost
        CHECK (rows_done = new_rows + repeated_rows + refused_rows)
);

CREATE UNIQUE INDEX feed_file_newest ON feed_file (seller, id);

-- The evidence: every row that was taken, in the file version and line where it was first seen.
CREATE TABLE feed_row (
    seller         text        NOT NULL,
    feed           text        NOT NULL,
    entity_key     text        NOT NULL,
    -- Empty for feeds whose rows never change; else valid_from and update_date.
    version_key    text        NOT NULL,
    content_digest bytea       NOT NULL,
    content        jsonb       NOT NULL,
    path           text        NOT NULL,
    file_digest    bytea       NOT NULL,
    line           bigint      NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT feed_row_pk PRIMARY KEY (seller, feed, entity_key, version_key)
);

-- Every row that was refused, and why.
CREATE TABLE feed_refusal (
    seller      text   NOT NULL,
    path        text   NOT NULL,
    file_digest bytea  NOT NULL,
    line        bigint NOT NULL,
    reason      text   NOT NULL,
    CONSTRAINT feed_refusal_pk PRIMARY KEY (seller, path, file_digest, line)
);

-- The rows of the billing feed, typed. Immutable, like AWS's.
CREATE TABLE billing_event (
    seller                        text           NOT NULL,
    billing_event_id              text           NOT NULL,
    agreement_id                  text,
    aws_offer_id                  text,
    action                        text           NOT NULL,
    transaction_type              text           NOT NULL,
    currency                      text           NOT NULL,
    amount                        numeric(20, 2) NOT NULL,
    invoice_id                    text,
    invoiced_on                   date,
    payment_due                   date,
    acted_at                      timestamptz    NOT NULL,
    parent_billing_event_id       text,
    disbursement_billing_event_id text,
    bank_trace_id                 text,
    CONSTRAINT billing_event_pk PRIMARY KEY (seller, billing_event_id)
);

CREATE INDEX billing_event_agreement ON billing_event (seller, agreement_id);
CREATE INDEX billing_event_offer ON billing_event (seller, aws_offer_id)
    WHERE agreement_id IS NULL;
CREATE INDEX billing_event_disbursement
    ON billing_event (seller, disbursement_billing_event_id);
CREATE INDEX billing_event_parent ON billing_event (seller, parent_billing_event_id);

-- Whose rows are whose: by agreement where AWS names one, else by offer, in the same currency.
CREATE VIEW owned_billing_event AS
SELECT a.agreement_id AS owner, e.*
FROM billing_event e
JOIN agreement a
    ON a.seller = e.seller
    AND a.currency = e.currency
    AND (a.agreement_id = e.agreement_id
        OR (e.agreement_id IS NULL AND a.aws_offer_id = e.aws_offer_id));

-- Rows that no known agreement explains: they wait, and anybody can see them.
CREATE VIEW unmatched_billing_event AS
SELECT e.*
FROM billing_event e
WHERE NOT EXISTS (
        SELECT FROM owned_billing_event o
        WHERE o.seller = e.seller AND o.billing_event_id = e.billing_event_id
    )
    AND NOT (e.transaction_type = 'DISBURSEMENT' AND EXISTS (
        SELECT FROM owned_billing_event o
        WHERE o.seller = e.seller AND o.disbursement_billing_event_id = e.billing_event_id
    ))
    AND NOT (e.transaction_type = 'DISBURSEMENT_FAILURE' AND EXISTS (
        SELECT FROM billing_event d
        WHERE d.seller = e.seller AND d.billing_event_id = e.parent_billing_event_id
    ));

-- Agreements of which rows came in and are not reconciled yet: written with the rows.
CREATE TABLE reconcile_due (
    seller       text NOT NULL,
    agreement_id text NOT NULL,
    CONSTRAINT reconcile_due_pk PRIMARY KEY (seller, agreement_id)
);

-- Differences as cases (R3, R8).
CREATE TABLE discrepancy (
    id            bigint         GENERATED ALWAYS AS IDENTITY,
    seller        text           NOT NULL,
    case_id       text           NOT NULL,
    agreement_id  text           NOT NULL,
    engagement_id text           NOT NULL,
    charge        integer        NOT NULL,
    topic         text           NOT NULL,
    kind          text           NOT NULL,
    currency      text           NOT NULL,
    expected      numeric(20, 2) NOT NULL,
    actual        numeric(20, 2) NOT NULL,
    state         text           NOT NULL,
    opened_at     timestamptz    NOT NULL,
    closed_at     timestamptz,
    resolved_by   text,
    resolution    text,
    CONSTRAINT discrepancy_pk PRIMARY KEY (seller, case_id),
    CONSTRAINT discrepancy_agreement FOREIGN KEY (seller, agreement_id)
        REFERENCES agreement (seller, agreement_id),
    CONSTRAINT discrepancy_state CHECK (
        (state = 'open' AND closed_at IS NULL AND resolved_by IS NULL AND resolution IS NULL)
        OR (state = 'cleared' AND closed_at IS NOT NULL AND resolved_by IS NULL
            AND resolution IS NULL)
        OR (state = 'resolved' AND closed_at IS NOT NULL AND resolved_by IS NOT NULL
            AND resolution IS NOT NULL)
    )
);

CREATE UNIQUE INDEX discrepancy_order ON discrepancy (seller, id);

-- The ledger (R5). Append-only: the run role may neither change nor delete (see the service's
-- append-only tables); a source posts a revision once, and a correction is the next revision.
CREATE TABLE ledger_transaction (
    id             bigint      GENERATED ALWAYS AS IDENTITY,
    seller         text        NOT NULL,
    transaction_id uuid        NOT NULL,
    agreement_id   text        NOT NULL,
    engagement_id  text        NOT NULL,
    source         text        NOT NULL,
    revision       integer     NOT NULL,
    description    text        NOT NULL,
    effective_date date        NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT ledger_transaction_pk PRIMARY KEY (seller, transaction_id),
    CONSTRAINT ledger_transaction_source UNIQUE (seller, agreement_id, source, revision)
);

CREATE UNIQUE INDEX ledger_transaction_order ON ledger_transaction (seller, id);
CREATE INDEX ledger_transaction_engagement ON ledger_transaction (seller, engagement_id, id);

CREATE TABLE ledger_entry (
    seller         text           NOT NULL,
    transaction_id uuid           NOT NULL,
    line           integer        NOT NULL,
    account        text           NOT NULL,
    currency       text           NOT NULL,
    debit          numeric(20, 2) NOT NULL,
    credit         numeric(20, 2) NOT NULL,
    CONSTRAINT ledger_entry_pk PRIMARY KEY (seller, transaction_id, line),
    CONSTRAINT ledger_entry_transaction FOREIGN KEY (seller, transaction_id)
        REFERENCES ledger_transaction (seller, transaction_id),
    CONSTRAINT ledger_entry_one_side CHECK (
        (debit > 0 AND credit = 0) OR (debit = 0 AND credit > 0)
    )
);

-- What the domain refuses by construction, the database refuses too: at commit, every transaction
-- that was touched has entries, and they balance in each currency.
CREATE FUNCTION ledger_must_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    entries bigint;
BEGIN
    SELECT count(*) INTO entries FROM ledger_entry
    WHERE seller = NEW.seller AND transaction_id = NEW.transaction_id;
    IF entries = 0 OR EXISTS (
        SELECT FROM ledger_entry
        WHERE seller = NEW.seller AND transaction_id = NEW.transaction_id
        GROUP BY currency HAVING sum(debit) <> sum(credit)
    ) THEN
        RAISE EXCEPTION 'ledger transaction % does not balance', NEW.transaction_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_must_balance';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER ledger_transaction_must_balance
    AFTER INSERT OR UPDATE ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();

CREATE CONSTRAINT TRIGGER ledger_entry_must_balance
    AFTER INSERT OR UPDATE ON ledger_entry
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_must_balance();
