-- Destinations other than the original VM. Earlier sessions have none of these: their disks have
-- the same key on both sides, they never move the production pointer, and they make no VM.

-- The production pointer before the session, which undo records again.
ALTER TABLE session ADD COLUMN previous_site TEXT;
ALTER TABLE session ADD COLUMN previous_platform_id TEXT;

-- What effects need to know beyond the machine: the VM to make, the storage policy to associate.
ALTER TABLE session ADD COLUMN choices TEXT;
ALTER TABLE session ADD COLUMN choices_format BIGINT;

-- The key of the pair at production; none where it is the same.
ALTER TABLE session_disk ADD COLUMN target_disk TEXT;

-- Two sessions at work on one production VM would overwrite each other.
CREATE UNIQUE INDEX session_active_per_production
    ON session (production_site, production_platform_id) WHERE ended_at IS NULL;
