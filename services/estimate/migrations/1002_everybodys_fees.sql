-- AWS's fees are for every seller to read (P5, E3): rows are otherwise bound to their own. It lets nobody
-- write them, and nobody read them who is bound to no seller.
CREATE POLICY everybodys ON listing_fee FOR SELECT
    USING (seller = '*' AND current_setting('countersign.seller', TRUE) <> '');
