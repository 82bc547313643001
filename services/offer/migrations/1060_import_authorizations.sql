-- Resale authorizations are read beside the offers: those that the seller gave, and those that it received (O12).
ALTER TABLE marketplace_offer
    ADD COLUMN kind text NOT NULL DEFAULT 'offer' CHECK (kind IN ('offer', 'partner', 'given', 'received')),
    ADD COLUMN authorization_id text NOT NULL DEFAULT '',
    ADD COLUMN reseller_account text NOT NULL DEFAULT '',
    ADD COLUMN manufacturer_account text NOT NULL DEFAULT '',
    ADD COLUMN used text NOT NULL DEFAULT '';

ALTER TABLE marketplace_import ADD COLUMN list text NOT NULL DEFAULT 'offers'
    CHECK (list IN ('offers', 'given', 'received'));

-- What an import read so far had no authorizations, however old: the next one reads everything once more, and one
-- that is under way begins anew.
UPDATE marketplace_import SET since = NULL, next_token = NULL,
    state = CASE state WHEN 'running' THEN state ELSE 'failed' END,
    problem = CASE state WHEN 'running' THEN NULL
        ELSE COALESCE(problem, 'resale authorizations were not read yet: begin another import') END;
