-- What charges the buyer: the agreement's own schedule, or payment requests under a cap, whose charges come
-- in as they are approved, until the agreement is over (O17).
ALTER TABLE agreement ADD COLUMN charged_by text NOT NULL DEFAULT 'schedule'
    CHECK (charged_by IN ('schedule', 'requests', 'ended-requests'));
