-- What AWS adds to the listing fee's rate for a sale through a channel partner (facts §6.1); policy, since its
-- pages leave open whether it goes on top of the rate of professional services.
ALTER TABLE cash_policy ADD COLUMN resale_fee_rate numeric NOT NULL DEFAULT 0.005
    CHECK (resale_fee_rate >= 0 AND resale_fee_rate <= 0.1);
