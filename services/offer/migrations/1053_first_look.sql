-- When the account was first looked at: what was accepted long before is no order of a stranger's any more
-- (O14), whatever becomes of it later. Empty for accounts that were looked at before there was this column.
ALTER TABLE agreement_cursor ADD COLUMN first_look_at timestamptz;
