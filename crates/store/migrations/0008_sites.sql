-- Sites that people connected: each a platform of its own, by its address.

CREATE TABLE connected_site (
    id      TEXT   NOT NULL PRIMARY KEY,
    -- Its name, role and address.
    body    TEXT   NOT NULL,
    format  BIGINT NOT NULL,
    version BIGINT NOT NULL
);
