-- What lets a reader ask for what changed since it read last, instead of everything again.

-- Numbers of the newest change, by what changed: 'session', 'protected_vm'.
CREATE TABLE revision (
    what   TEXT   NOT NULL PRIMARY KEY,
    newest BIGINT NOT NULL
);

-- The number of a row's newest change; 0 for what was not changed since this is counted.
ALTER TABLE session ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX session_by_revision ON session (revision);
ALTER TABLE protected_vm ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
CREATE INDEX protected_vm_by_revision ON protected_vm (revision);

-- VMs, replicas and jobs of an inventory in parts, so that what stayed as it was is neither written
-- nor read again. An inventory from before has none, and all of it in its own row.
ALTER TABLE site_inventory ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE site_inventory ADD COLUMN parts BIGINT NOT NULL DEFAULT 0;
CREATE TABLE site_inventory_part (
    site    TEXT   NOT NULL REFERENCES site_inventory (site),
    -- From 0 on; VMs and replicas in their order, and the jobs with the first.
    part    BIGINT NOT NULL,
    -- The inventory's version that it was written in.
    version BIGINT NOT NULL,
    body    TEXT   NOT NULL,
    format  BIGINT NOT NULL,
    PRIMARY KEY (site, part)
);

-- Past sessions are listed a page at a time.
CREATE INDEX session_ended ON session (started_at) WHERE ended_at IS NOT NULL;
