-- The seller's pricing rules, as data (E2, E3).

-- A seller without a row has S0's default: domain/policy.rs.
CREATE TABLE pricing_policy (
    seller             text        NOT NULL CONSTRAINT pricing_policy_key PRIMARY KEY,
    uplift_kind        text        NOT NULL,
    uplift_rate        numeric,
    allow_prepaid      boolean     NOT NULL,
    allow_installments boolean     NOT NULL,
    allow_variable     boolean     NOT NULL,
    updated_at         timestamptz NOT NULL
);

-- AWS's listing fees by effective date: rows are added, never changed. Seller '*' is every seller.
CREATE TABLE listing_fee (
    seller           text        NOT NULL,
    product_type     text        NOT NULL,
    offer_kind       text        NOT NULL,
    region           text,
    minimum_currency text,
    minimum_value    numeric,
    renewal          boolean     NOT NULL,
    rate             numeric     NOT NULL,
    effective_from   date        NOT NULL,
    added_at         timestamptz NOT NULL,
    CONSTRAINT listing_fee_once UNIQUE NULLS NOT DISTINCT (seller, product_type, offer_kind,
        region, minimum_currency, minimum_value, renewal, effective_from)
);

-- AWS's published fee for private offers of professional services, effective 2024-01-05.
INSERT INTO listing_fee (seller, product_type, offer_kind, renewal, rate, effective_from, added_at)
VALUES ('*', 'professional_services', 'private_offer', FALSE, 0.025, '2024-01-05', '2024-01-05Z');
