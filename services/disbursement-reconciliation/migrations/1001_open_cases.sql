-- What is open is counted every few seconds, among all cases there ever were (P6).
CREATE INDEX discrepancy_open ON discrepancy (opened_at) WHERE state = 'open';
