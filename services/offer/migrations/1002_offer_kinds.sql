-- An offer is direct, a resale authorization, or a reseller's (O2); what is particular to its kind stands
-- in its basis. Only an authorization may have no end.
ALTER TABLE offer ALTER COLUMN expires_on DROP NOT NULL;
ALTER TABLE offer ADD COLUMN kind text NOT NULL DEFAULT 'direct'
    CHECK (kind IN ('direct', 'authorization', 'partner'));
ALTER TABLE offer ADD CONSTRAINT offer_ends CHECK (
    expires_on IS NOT NULL OR kind = 'authorization'
);
