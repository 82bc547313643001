-- Estimates and their versions (E1 to E9).

CREATE TABLE estimate (
    seller              text        NOT NULL,
    estimate_id         uuid        NOT NULL,
    engagement_id       text        NOT NULL,
    customer_name       text        NOT NULL,
    state               text        NOT NULL CONSTRAINT estimate_state CHECK (state IN
        ('draft', 'submitted', 'changes_requested', 'approved', 'withdrawn', 'expired')),
    latest_version      bigint      NOT NULL,
    -- Counts writes: an update names the revision that it read.
    revision            bigint      NOT NULL,
    change_step         text,
    change_requested_by text,
    change_comment      text,
    approved_digest     text,
    withdrawn_by        text,
    withdrawn_reason    text,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    CONSTRAINT estimate_key PRIMARY KEY (seller, estimate_id)
) WITH (fillfactor = 80);

-- One open estimate per engagement: the constraint is ENGAGEMENT_HAS_OPEN_ESTIMATE.
CREATE UNIQUE INDEX estimate_one_open_per_engagement ON estimate (seller, engagement_id)
    WHERE state NOT IN ('withdrawn', 'expired');
CREATE INDEX estimate_newest ON estimate (seller, created_at DESC, estimate_id DESC);

-- Written once, never changed (E8). Amounts are in major units of the version's currency.
-- packages: name, description, base_price, price, effort (role, hours, cost_rate), in order.
-- payment_plan: prepaid, installments with charge_date and amount, or variable.
CREATE TABLE estimate_version (
    seller             text        NOT NULL,
    estimate_id        uuid        NOT NULL,
    version            bigint      NOT NULL,
    currency           text        NOT NULL,
    packages           jsonb       NOT NULL,
    payment_plan       jsonb       NOT NULL,
    scope_description  text        NOT NULL,
    scope_duration     text        NOT NULL,
    valid_until        date        NOT NULL,
    buyer_region       text,
    renewal            boolean     NOT NULL,
    base_total         numeric     NOT NULL,
    price_total        numeric     NOT NULL,
    uplift_kind        text        NOT NULL,
    uplift_rate        numeric,
    listing_fee_rate   numeric     NOT NULL,
    expected_fee       numeric     NOT NULL,
    expected_net       numeric     NOT NULL,
    shortfall          numeric     NOT NULL,
    effort_cost        numeric,
    margin             numeric,
    author             text        NOT NULL,
    written_at         timestamptz NOT NULL,
    CONSTRAINT estimate_version_key PRIMARY KEY (seller, estimate_id, version),
    CONSTRAINT estimate_version_of FOREIGN KEY (seller, estimate_id)
        REFERENCES estimate (seller, estimate_id)
);
