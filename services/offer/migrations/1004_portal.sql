-- Offers against a product that AWS's API does not take are entered in AWS's portal by a person (O10).
ALTER TABLE listing ADD COLUMN by_portal boolean NOT NULL DEFAULT false;
