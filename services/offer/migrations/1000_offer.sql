-- What the offer service owns. Every key leads with the seller; what is nested is JSON that
-- src/store/json writes and reads, what is searched or constrained is a column.

-- A product of the seller on AWS Marketplace.
CREATE TABLE listing (
    seller         text        NOT NULL,
    product_id     text        NOT NULL,
    title          text        NOT NULL,
    dimension_keys text[]      NOT NULL CHECK (cardinality(dimension_keys) BETWEEN 1 AND 24),
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (seller, product_id)
);

-- What is known of a deal before its offer (O1, A4 to A8).
CREATE TABLE engagement (
    seller         text        NOT NULL,
    engagement_id  text        NOT NULL,
    revision       bigint      NOT NULL CHECK (revision > 0),
    approval       text        NOT NULL
        CHECK (approval IN ('awaited', 'stamped', 'signed', 'voided')),
    deal           jsonb,
    void_reason    text,
    void_signed    boolean,
    checklist_case text,
    intake         jsonb,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (seller, engagement_id),
    CONSTRAINT engagement_deal_fits_approval CHECK ((deal IS NULL) = (approval = 'awaited')),
    CONSTRAINT engagement_void_is_whole CHECK (
        (approval = 'voided') = (void_reason IS NOT NULL AND void_signed IS NOT NULL)
    )
);

-- An offer (O8). State, AWS's id and the engagement are columns of what stage and basis say.
CREATE TABLE offer (
    seller        text        NOT NULL,
    offer_id      text        NOT NULL,
    engagement_id text        NOT NULL,
    revision      bigint      NOT NULL CHECK (revision > 0),
    state         text        NOT NULL CHECK (
        state IN ('draft', 'releasing', 'published', 'accepted', 'cancelled', 'expired')
    ),
    aws_offer_id  text,
    name          text        NOT NULL,
    description   text        NOT NULL,
    expires_on    date        NOT NULL,
    basis         jsonb       NOT NULL,
    document      jsonb       NOT NULL,
    change_set_id text,
    last_errors   jsonb       NOT NULL,
    stage         jsonb       NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (seller, offer_id),
    CONSTRAINT offer_aws_offer_id UNIQUE (seller, aws_offer_id)
);

-- AWS lets a buyer hold one agreement for a professional-services product.
CREATE UNIQUE INDEX offer_open_per_engagement ON offer (seller, engagement_id)
    WHERE state IN ('draft', 'releasing', 'published', 'accepted');
CREATE INDEX offer_newest ON offer (seller, created_at DESC, offer_id DESC);
CREATE INDEX offer_of_engagement ON offer (seller, engagement_id, created_at DESC);

-- A change set that AWS was or will be sent: the request is made once and sent as it is, however
-- often (O9).
CREATE TABLE change_set (
    seller     text        NOT NULL,
    offer_id   text        NOT NULL,
    revision   bigint      NOT NULL,
    request    text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (seller, offer_id, revision)
);

-- Agreements as AWS showed them, of our offers and of others (O13).
CREATE TABLE agreement (
    seller       text        NOT NULL,
    agreement_id text        NOT NULL,
    aws_offer_id text        NOT NULL,
    status       text        NOT NULL,
    updated_at   timestamptz,
    details      jsonb,
    unreadable   text,
    offer_id     text,
    first_seen   timestamptz NOT NULL,
    last_seen    timestamptz NOT NULL,
    PRIMARY KEY (seller, agreement_id),
    CONSTRAINT agreement_readable_or_not CHECK ((details IS NULL) <> (unreadable IS NULL))
);

CREATE INDEX agreement_unmatched ON agreement (seller, aws_offer_id) WHERE offer_id IS NULL;

-- Until when AWS was asked for changed agreements.
CREATE TABLE agreement_cursor (
    seller      text        PRIMARY KEY,
    asked_until timestamptz NOT NULL
);
