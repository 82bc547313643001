-- The trace in which each aggregate was last written, so that what a timer finds out about it later
-- goes on in that trace (P6).
ALTER TABLE aggregate_sequence ADD COLUMN traceparent text NOT NULL DEFAULT '';

-- What was given up is counted every few seconds, among all tasks there ever were.
CREATE INDEX task_failed ON task (id) WHERE state = 'failed';
