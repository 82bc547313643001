-- What the seller lets resellers sell, as it was released: the cash that each sale of it brings (O2, R1).
CREATE TABLE resale_authorization (
    seller             text            NOT NULL,
    authorization_id   text            NOT NULL,
    engagement_id      text            NOT NULL,
    currency           text            NOT NULL,
    base_total         numeric(20, 2)  NOT NULL,
    price_total        numeric(20, 2)  NOT NULL,
    fee_rate           numeric(12, 11) NOT NULL,
    expected_fee       numeric(20, 2)  NOT NULL,
    billing_terms_days integer         NOT NULL,
    CONSTRAINT resale_authorization_pk PRIMARY KEY (seller, authorization_id)
);

-- What the reseller owes when; none of an authorization without installments.
CREATE TABLE resale_authorization_charge (
    seller           text           NOT NULL,
    authorization_id text           NOT NULL,
    number           integer        NOT NULL,
    charge_date      date           NOT NULL,
    amount           numeric(20, 2) NOT NULL,
    CONSTRAINT resale_authorization_charge_pk PRIMARY KEY (seller, authorization_id, number),
    CONSTRAINT resale_authorization_charge_of FOREIGN KEY (seller, authorization_id)
        REFERENCES resale_authorization (seller, authorization_id)
);

-- The authorization that a reseller sold an agreement from.
ALTER TABLE agreement ADD COLUMN authorization_id text;
