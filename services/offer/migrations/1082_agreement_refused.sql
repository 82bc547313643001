-- What AWS refused to show is asked for again, ours and others' (O13, O14).
CREATE INDEX agreement_refused ON agreement (seller, last_seen) WHERE unreadable IS NOT NULL;
