-- A look for agreements notes what it finds (O13); when that is read is written here, until it was. One that was
-- never read has neither terms nor a reason why it has none.
ALTER TABLE agreement ADD COLUMN read_due timestamptz;
ALTER TABLE agreement DROP CONSTRAINT agreement_readable_or_not;
ALTER TABLE agreement ADD CONSTRAINT agreement_readable_or_not
    CHECK (num_nonnulls(details, unreadable) = 1 OR (num_nonnulls(details, unreadable) = 0 AND read_due IS NOT NULL));
CREATE INDEX agreement_to_read ON agreement (seller, read_due) WHERE read_due IS NOT NULL;
