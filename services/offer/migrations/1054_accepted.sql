-- Agreements are listed, the newest to us first (O12), and those of offers that were made elsewhere have clocks
-- under their own name (O16).
CREATE INDEX agreement_newest ON agreement (seller, first_seen DESC, agreement_id DESC);
CREATE INDEX clock_of_nobody ON clock (seller, engagement_id, kind) WHERE offer_id IS NULL;
