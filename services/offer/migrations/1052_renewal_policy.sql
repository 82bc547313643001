-- How many days before an agreement's end its renewal is due to be seen to; without a row 120, 90 and 60 (O16).
CREATE TABLE renewal_policy (
    seller         text        PRIMARY KEY,
    milestone_days smallint[]  NOT NULL CHECK (cardinality(milestone_days) BETWEEN 1 AND 3),
    updated_at     timestamptz NOT NULL
);
