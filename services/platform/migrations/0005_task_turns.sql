-- Of each kind those that are due first: no kind waits behind all of another's.
CREATE INDEX task_turn ON task (kind, due_at) WHERE state IN ('pending', 'running');
