-- How far the calls of an operation are spent at AWS, by all replicas together (O9): one row per
-- seller, whose AWS account has the rate, and operation. Times are the database's clock, not the
-- platform's: AWS's seconds pass whatever a rehearsal says.
CREATE TABLE aws_rate (
    seller      text        NOT NULL,
    operation   text        NOT NULL,
    spent_until timestamptz NOT NULL,
    PRIMARY KEY (seller, operation)
);
