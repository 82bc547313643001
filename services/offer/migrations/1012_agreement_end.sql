-- When it was first seen that an agreement is over: the others hear of it once.
ALTER TABLE agreement ADD COLUMN over_at timestamptz;
