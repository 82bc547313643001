-- Whom somebody named to see to it, where it is not the role that its kind goes to (O16, O18): the milestones that still
-- run are those persons' who were named for their agreements.
ALTER TABLE clock ADD COLUMN named text;

UPDATE clock AS c SET named = r.owner
FROM renewal_owner AS r
JOIN agreement AS a ON a.seller = r.seller AND a.agreement_id = r.agreement_id
WHERE c.seller = r.seller AND c.state = 'running' AND c.kind IN ('renewal-120', 'renewal-90', 'renewal-60')
    AND ((c.offer_id IS NULL AND c.engagement_id = a.agreement_id)
        OR EXISTS (SELECT FROM offer AS o WHERE o.seller = a.seller AND o.offer_id = a.offer_id
            AND o.offer_id = c.offer_id AND o.stage #>> '{agreement,id}' = a.agreement_id));
