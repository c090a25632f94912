-- What a session's switchover proved, as a signed file, or why nothing was signed: one of the two.
CREATE TABLE certificate (
    session TEXT   NOT NULL PRIMARY KEY REFERENCES session (id),
    -- After which it was made; another switchover's takes its place.
    pass    BIGINT NOT NULL,
    made_at BIGINT NOT NULL,
    body    TEXT,
    why_not TEXT
);
