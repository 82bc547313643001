-- Every e-signature callback that was taken, under the id that its sender gave it (A6, P2): the same one
-- again changes nothing, whenever it comes. Written with the signature that it told of.
CREATE TABLE signature_callbacks (
    seller      TEXT        NOT NULL,
    webhook_id  TEXT        NOT NULL,
    case_id     UUID        NOT NULL,
    -- SHA-256 of the body, byte for byte: evidence, and what tells another message under the same id.
    body_digest BYTEA       NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    CONSTRAINT signature_callbacks_pkey PRIMARY KEY (seller, webhook_id),
    CONSTRAINT signature_callbacks_case_fkey FOREIGN KEY (seller, case_id) REFERENCES cases,
    CONSTRAINT signature_callbacks_digest_is_sha256 CHECK (octet_length(body_digest) = 32)
);
