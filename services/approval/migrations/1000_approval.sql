-- What approval keeps of an engagement. `version` guards every write of it and of what hangs on it.
CREATE TABLE engagements (
    seller          TEXT        NOT NULL,
    engagement      TEXT        NOT NULL,
    version         BIGINT      NOT NULL,
    -- none, live, withdrawn, expired
    estimate_state  TEXT        NOT NULL,
    -- The newest submitted estimate, whole and as received.
    estimate        JSONB,
    changed_at      TIMESTAMPTZ NOT NULL,
    CONSTRAINT engagements_pkey PRIMARY KEY (seller, engagement),
    CONSTRAINT engagements_estimate_present CHECK ((estimate_state = 'none') = (estimate IS NULL))
);

-- Every document that ever was in an engagement; its bytes lie in the object store by digest (A7).
CREATE TABLE documents (
    seller      TEXT        NOT NULL,
    document_id UUID        NOT NULL,
    engagement  TEXT        NOT NULL,
    -- sow, eula, annex, signed_sow
    kind        TEXT        NOT NULL,
    file_name   TEXT        NOT NULL,
    media_type  TEXT        NOT NULL,
    size_bytes  BIGINT      NOT NULL,
    digest      BYTEA       NOT NULL,
    -- Place in upload order among those present.
    position    INTEGER     NOT NULL,
    uploaded_by TEXT        NOT NULL,
    uploaded_at TIMESTAMPTZ NOT NULL,
    removed_by  TEXT,
    removed_at  TIMESTAMPTZ,
    CONSTRAINT documents_pkey PRIMARY KEY (seller, document_id),
    CONSTRAINT documents_engagement_fkey FOREIGN KEY (seller, engagement) REFERENCES engagements,
    CONSTRAINT documents_digest_is_sha256 CHECK (octet_length(digest) = 32),
    CONSTRAINT documents_removed_whole CHECK ((removed_by IS NULL) = (removed_at IS NULL))
);
-- O6: at most one SOW at a time, whatever a program believes.
CREATE UNIQUE INDEX documents_one_sow ON documents (seller, engagement)
    WHERE kind = 'sow' AND removed_at IS NULL;
CREATE INDEX documents_present ON documents (seller, engagement, position)
    WHERE removed_at IS NULL;
CREATE INDEX documents_by_digest ON documents (seller, digest);

-- One approval case per engagement (A1).
CREATE TABLE cases (
    seller                              TEXT        NOT NULL,
    case_id                             UUID        NOT NULL,
    engagement                          TEXT        NOT NULL,
    opened_at                           TIMESTAMPTZ NOT NULL,
    phase                               TEXT        NOT NULL,
    one_person_may_decide_several_steps BOOLEAN     NOT NULL,
    steps                               JSONB       NOT NULL,
    checklist                           JSONB       NOT NULL,
    -- While the stamp holds (A5).
    stamped_digest                      BYTEA,
    stamped_by                          TEXT,
    stamped_at                          TIMESTAMPTZ,
    -- From routing on (A6).
    routed_sow_digest                   BYTEA,
    routed_at                           TIMESTAMPTZ,
    internal_signatory                  TEXT,
    customer_signatory                  TEXT,
    internal_signed_by                  TEXT,
    internal_signed_at                  TIMESTAMPTZ,
    customer_signed_by                  TEXT,
    customer_signed_at                  TIMESTAMPTZ,
    signed_sow_document_id              UUID,
    CONSTRAINT cases_pkey PRIMARY KEY (seller, case_id),
    CONSTRAINT cases_one_per_engagement UNIQUE (seller, engagement),
    CONSTRAINT cases_engagement_fkey FOREIGN KEY (seller, engagement) REFERENCES engagements,
    CONSTRAINT cases_signed_sow_fkey FOREIGN KEY (seller, signed_sow_document_id)
        REFERENCES documents
);

-- A seller's approval policy, as data (A1, A8). The row of the seller '' holds for whoever has none.
CREATE TABLE approval_policies (
    seller                              TEXT        NOT NULL,
    version                             BIGINT      NOT NULL,
    steps                               JSONB       NOT NULL,
    checklist                           JSONB       NOT NULL,
    one_person_may_decide_several_steps BOOLEAN     NOT NULL,
    put_by                              TEXT        NOT NULL,
    put_at                              TIMESTAMPTZ NOT NULL,
    CONSTRAINT approval_policies_pkey PRIMARY KEY (seller)
);

INSERT INTO approval_policies
    (seller, version, steps, checklist, one_person_may_decide_several_steps, put_by, put_at)
VALUES (
    '',
    1,
    '[
        {"name": "leadership", "role": "leadership",
         "binds": ["price", "payment_schedule", "duration", "currency"]},
        {"name": "revenue", "role": "revenue",
         "binds": ["price", "payment_schedule", "scope", "duration", "currency"]},
        {"name": "legal", "role": "legal",
         "binds": ["price", "payment_schedule", "scope", "duration", "currency", "documents"]}
    ]',
    '["engagement-record-complete", "staffing-confirmed", "customer-onboarding-ready"]',
    FALSE,
    'migration',
    '2026-01-01T00:00:00Z'
);
