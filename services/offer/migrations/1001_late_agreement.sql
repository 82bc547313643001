-- AWS shows an agreement up to a day late: its offer may have expired or been cancelled here, and the
-- next offer of the engagement be drafted. Both stand then, and a person must look: what was accepted
-- is a fact, and does not keep another offer's row from being one.
DROP INDEX offer_open_per_engagement;
CREATE UNIQUE INDEX offer_open_per_engagement ON offer (seller, engagement_id)
    WHERE state IN ('draft', 'releasing', 'published');
