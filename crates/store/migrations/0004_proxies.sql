-- Proxies as operators set them up, and what carried each disk of a session.

CREATE TABLE proxy (
    id      TEXT   NOT NULL PRIMARY KEY,
    site    TEXT   NOT NULL,
    -- Its name, modes, reach, slots and state.
    body    TEXT   NOT NULL,
    format  BIGINT NOT NULL,
    version BIGINT NOT NULL
);

-- In one pass a disk has one row for each pair of proxies that carried it, in order from 1: more
-- than one after a hand-over or a restart.
CREATE TABLE disk_carrier (
    session  TEXT   NOT NULL REFERENCES session (id),
    disk     TEXT   NOT NULL,
    pass     BIGINT NOT NULL,
    position BIGINT NOT NULL,
    body     TEXT   NOT NULL,
    format   BIGINT NOT NULL,
    PRIMARY KEY (session, disk, pass, position)
);
