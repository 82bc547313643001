-- Agreements are listed, the newest to us first (O12), and those of offers that were made elsewhere have clocks
-- under their own name (O16), which are started once.
CREATE INDEX agreement_newest ON agreement (seller, first_seen DESC, agreement_id DESC);
ALTER TABLE agreement ADD COLUMN end_awaited boolean NOT NULL DEFAULT false;
CREATE INDEX agreement_unawaited ON agreement (seller, agreement_id) WHERE offer_id IS NULL AND NOT end_awaited;
CREATE INDEX clock_of_nobody ON clock (seller, engagement_id, kind) WHERE offer_id IS NULL;
CREATE INDEX clock_ever_of_offer ON clock (seller, offer_id, kind);
