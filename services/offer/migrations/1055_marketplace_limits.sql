-- What a seller's AWS account is taken to allow, where AWS's sources are not sure; without a row the safe defaults.
CREATE TABLE marketplace_limits (
    seller                text        PRIMARY KEY,
    charges               integer     NOT NULL CHECK (charges > 0),
    document_bytes        bigint      NOT NULL CHECK (document_bytes > 0),
    publish_minutes       integer     NOT NULL CHECK (publish_minutes > 0),
    concurrent_agreements boolean     NOT NULL,
    rupees                boolean     NOT NULL,
    updated_at            timestamptz NOT NULL
);
