-- What waits is counted every few seconds, among all deliveries there ever were (P6).
CREATE INDEX delivery_queued ON delivery (channel) WHERE state = 'queued';
