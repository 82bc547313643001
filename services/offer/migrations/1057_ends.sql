-- Nobody sees to the end of what is over: such rows are none to look through at every look.
UPDATE agreement SET end_awaited = true WHERE status IN ('ARCHIVED', 'CANCELLED', 'EXPIRED', 'RENEWED', 'REPLACED',
    'ROLLED_BACK', 'SUPERSEDED', 'TERMINATED');
-- AWS does not publish how long an agreement may run.
ALTER TABLE marketplace_limits ADD COLUMN agreement_months integer NOT NULL DEFAULT 60 CHECK (agreement_months > 0);
