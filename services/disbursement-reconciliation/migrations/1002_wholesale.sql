-- What a reseller owes its manufacturer of each charge, and the rows that say so (R3, O5).
ALTER TABLE expected_charge ADD COLUMN wholesale numeric(20, 2) NOT NULL DEFAULT 0;
ALTER TABLE billing_event ADD COLUMN wholesale boolean NOT NULL DEFAULT false;
