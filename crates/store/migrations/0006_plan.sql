-- The plan that a session was started from: its preflight report and its estimate. Sessions from before
-- have none.
ALTER TABLE session ADD COLUMN plan TEXT;
ALTER TABLE session ADD COLUMN plan_format BIGINT;
