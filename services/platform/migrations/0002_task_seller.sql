-- Whose work scheduled a task: its transactions are bound to that seller (P5). NULL: the harness's own,
-- such as a recurring task, which is no tenant's to see.
ALTER TABLE task ADD COLUMN seller text;

-- What was scheduled before names its seller in its payload.
UPDATE task SET seller = payload->>'seller';
