-- Charges that AWS no longer invoices, since their agreement ended before their day (O15). The ledger takes
-- back what was booked of them by further entries.
ALTER TABLE expected_charge ADD COLUMN dropped boolean NOT NULL DEFAULT false;
