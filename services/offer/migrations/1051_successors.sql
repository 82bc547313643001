-- What renews an agreement, as it is approved (O16, E11).
CREATE INDEX engagement_follows ON engagement (seller, (deal #>> '{estimate,follows_agreement_id}'))
    WHERE deal #>> '{estimate,follows_agreement_id}' IS NOT NULL;
