-- How many sessions of a batch may be at work at once. None, as in earlier batches, is all of them.

ALTER TABLE batch ADD COLUMN at_once BIGINT;
