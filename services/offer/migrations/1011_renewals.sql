-- Who sees to the renewal of an agreement, where somebody else than the estimate's author was named (O16).
CREATE TABLE renewal_owner (
    seller       text        NOT NULL,
    agreement_id text        NOT NULL,
    owner        text        NOT NULL,
    assigned_at  timestamptz NOT NULL,
    PRIMARY KEY (seller, agreement_id)
);
