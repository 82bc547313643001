-- What an offer replaces is asked before every release of one (O15).
CREATE INDEX change_order_replacement ON change_order (seller, (progress #>> '{stage,offer_id}'))
    WHERE state = 'replaced';
