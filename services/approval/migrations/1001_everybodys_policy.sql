-- The policy that holds for whoever has none is for every seller to read (P5, A1): rows are otherwise
-- bound to their own. It lets nobody write it, and nobody read it who is bound to no seller.
CREATE POLICY everybodys ON approval_policies FOR SELECT
    USING (seller = '' AND current_setting('countersign.seller', TRUE) <> '');
