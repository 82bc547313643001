-- Agreements that came of approved estimates, as offer tells of them: what a renewal starts from (E11).
CREATE TABLE agreement (
    seller          text        NOT NULL,
    agreement_id    text        NOT NULL,
    approved_digest text        NOT NULL,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (seller, agreement_id)
);

CREATE INDEX estimate_approved_digest ON estimate (seller, approved_digest)
    WHERE approved_digest IS NOT NULL;

-- The agreement that an estimate was started from, as AWS names it.
ALTER TABLE estimate ADD COLUMN follows_agreement_id text;
