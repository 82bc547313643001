-- Of which product an agreement is: the buyer of one that was made elsewhere accepts no other of that product either
-- (O4; facts §0.5). Those that run and were read before are read once more.
ALTER TABLE agreement ADD COLUMN product_id text;
CREATE INDEX agreement_held_elsewhere ON agreement (seller, product_id, (details ->> 'acceptor'))
    WHERE offer_id IS NULL;
UPDATE agreement SET read_due = 'epoch' WHERE status = 'ACTIVE' AND offer_id IS NULL AND details IS NOT NULL;
