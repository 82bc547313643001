-- When an agreement was over, and the charges that AWS no longer invoices of it, as offer tells: what a
-- replacement starts from (E11, O15).
ALTER TABLE agreement
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN dropped jsonb NOT NULL DEFAULT '[]';
