-- The first schema. Forward only: a later change is a later file.
--
-- Portable between SQLite and PostgreSQL: ids are UUIDv7 as text, instants are UTC microseconds
-- in BIGINT, structures are JSON in TEXT beside the number of their format, booleans are BOOLEAN.
-- "version" counts the writes of a row, so that two writers cannot overwrite each other unseen.

-- What each site's platform held when it was last read, and why a newer reading failed.
CREATE TABLE site_inventory (
    site             TEXT   NOT NULL PRIMARY KEY,
    -- None of the three before the first reading that succeeded.
    inventory        TEXT,
    inventory_format BIGINT,
    read_at          BIGINT,
    error            TEXT,
    error_at         BIGINT
);

-- Landfall's own name for a VM, with the one pointer to the VM that is its production VM now.
CREATE TABLE protected_vm (
    id                     TEXT NOT NULL PRIMARY KEY,
    name                   TEXT NOT NULL,
    production_site        TEXT NOT NULL,
    production_platform_id TEXT NOT NULL
);

-- One Finish of the wizard. A draft has one at most, so that Finish sent twice is Finish once.
CREATE TABLE batch (
    id         TEXT   NOT NULL PRIMARY KEY,
    draft      TEXT   NOT NULL UNIQUE,
    started_by TEXT   NOT NULL,
    reason     TEXT   NOT NULL,
    started_at BIGINT NOT NULL
);

-- One failback of one replica.
CREATE TABLE session (
    id                     TEXT   NOT NULL PRIMARY KEY,
    batch                  TEXT   NOT NULL,
    batch_position         BIGINT NOT NULL,
    replica                TEXT   NOT NULL,
    protected_vm           TEXT   NOT NULL,
    vm_name                TEXT   NOT NULL,
    replica_site           TEXT   NOT NULL,
    replica_platform_id    TEXT   NOT NULL,
    production_site        TEXT   NOT NULL,
    production_platform_id TEXT   NOT NULL,
    destination            TEXT   NOT NULL,
    machine                TEXT   NOT NULL,
    machine_format         BIGINT NOT NULL,
    version                BIGINT NOT NULL,
    limit_bytes            BIGINT,
    started_by             TEXT   NOT NULL,
    reason                 TEXT   NOT NULL,
    started_at             BIGINT NOT NULL,
    ended_at               BIGINT,
    -- Number of the newest line of its log.
    log_seq                BIGINT NOT NULL,
    -- Number of the newest entry of its effect log.
    effect_seq             BIGINT NOT NULL
);

-- Two sessions at work on one replica would destroy each other's layers.
CREATE UNIQUE INDEX session_active_per_replica ON session (replica) WHERE ended_at IS NULL;
CREATE INDEX session_by_start ON session (started_at);
CREATE INDEX session_by_batch ON session (batch);

-- The pairs of disks that a session was planned for.
CREATE TABLE session_disk (
    session  TEXT   NOT NULL REFERENCES session (id),
    disk     TEXT   NOT NULL,
    position BIGINT NOT NULL,
    name     TEXT   NOT NULL,
    size     BIGINT NOT NULL,
    PRIMARY KEY (session, disk)
);

-- Counters of one disk in one pass.
CREATE TABLE disk_pass (
    session         TEXT   NOT NULL REFERENCES session (id),
    disk            TEXT   NOT NULL,
    pass            BIGINT NOT NULL,
    scope           TEXT   NOT NULL,
    counters        TEXT   NOT NULL,
    counters_format BIGINT NOT NULL,
    proxies         TEXT,
    PRIMARY KEY (session, disk, pass)
);

-- Effects at platforms: durable before the effect, completed after it.
CREATE TABLE effect_log (
    session    TEXT    NOT NULL REFERENCES session (id),
    seq        BIGINT  NOT NULL,
    activity   TEXT    NOT NULL,
    step       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    started_at BIGINT  NOT NULL,
    done_at    BIGINT,
    result     TEXT,
    failed     BOOLEAN NOT NULL,
    facts      TEXT,
    PRIMARY KEY (session, seq)
);

-- A session does one thing at a time.
CREATE UNIQUE INDEX effect_log_open ON effect_log (session) WHERE done_at IS NULL;

-- What a session says to people, numbered from 1 without gaps.
CREATE TABLE log_line (
    session TEXT   NOT NULL REFERENCES session (id),
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    level   TEXT   NOT NULL,
    text    TEXT   NOT NULL,
    PRIMARY KEY (session, seq)
);

-- What was chosen in a wizard so far.
CREATE TABLE draft (
    id         TEXT   NOT NULL PRIMARY KEY,
    body       TEXT   NOT NULL,
    format     BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- The newest dry run of a draft.
CREATE TABLE dry_run (
    draft  TEXT   NOT NULL PRIMARY KEY,
    body   TEXT   NOT NULL,
    format BIGINT NOT NULL
);

-- What people asked for and the engine has yet to do, or has done.
CREATE TABLE intent (
    id         TEXT    NOT NULL PRIMARY KEY,
    session    TEXT,
    -- The kind as one word, to find by; the body has all of it.
    word       TEXT    NOT NULL,
    body       TEXT    NOT NULL,
    format     BIGINT  NOT NULL,
    actor      TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,
    taken_at   BIGINT,
    done_at    BIGINT,
    failed     BOOLEAN NOT NULL,
    result     TEXT
);

CREATE INDEX intent_by_word ON intent (word, created_at);
CREATE INDEX intent_open ON intent (created_at) WHERE done_at IS NULL;

-- Single values that belong to the whole installation.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Who asked for what, and when. Rows are only ever added.
CREATE TABLE audit (
    id    TEXT   NOT NULL PRIMARY KEY,
    actor TEXT   NOT NULL,
    what  TEXT   NOT NULL,
    at    BIGINT NOT NULL
);

CREATE INDEX audit_by_time ON audit (at);
