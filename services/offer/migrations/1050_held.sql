-- What a buyer has of a product, which every release asks for (O16).
CREATE INDEX offer_accepted_buyer ON offer
    (seller, (basis #>> '{intake,buyer_account}'), (basis #>> '{intake,product_id}'))
    WHERE state = 'accepted';
