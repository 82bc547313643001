-- Orders: what a buyer accepted, and who the buyer is (O14). A public order has no offer of ours.
CREATE TABLE buyer_order (
    seller         text        NOT NULL,
    agreement_id   text        NOT NULL,
    engagement_id  text        NOT NULL,
    offer_id       text,
    aws_offer_id   text        NOT NULL,
    product_id     text,
    buyer_account  text        NOT NULL,
    total          jsonb,
    placed_at      timestamptz NOT NULL,
    clock_id       text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('open', 'registered', 'refund-advised')),
    company_name   text,
    contact_name   text,
    contact_email  text,
    registered_at  timestamptz,
    registered_by  text,
    advised_at     timestamptz,
    PRIMARY KEY (seller, agreement_id),
    CONSTRAINT buyer_order_clock UNIQUE (seller, clock_id),
    CONSTRAINT buyer_order_registration_is_whole CHECK (
        (state = 'registered') = (company_name IS NOT NULL AND contact_name IS NOT NULL
            AND contact_email IS NOT NULL AND registered_at IS NOT NULL)
    ),
    CONSTRAINT buyer_order_advice_is_dated CHECK ((state = 'refund-advised') = (advised_at IS NOT NULL))
);

CREATE INDEX buyer_order_newest ON buyer_order (seller, placed_at DESC, agreement_id DESC);

-- A public order's clock has no offer.
ALTER TABLE clock ALTER COLUMN offer_id DROP NOT NULL;
