-- AWS's events name a change set by its id (facts §5.1).
CREATE INDEX offer_of_change_set ON offer (seller, change_set_id) WHERE change_set_id IS NOT NULL;
