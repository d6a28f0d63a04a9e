-- The one-time code of somebody who was registered. Neither it nor the password of the file that it
-- gives stands here: hash is an HMAC over it, and the password needs both the code and salt.
CREATE TABLE code (
    request TEXT PRIMARY KEY REFERENCES request (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    made_ms INTEGER NOT NULL,
    ends_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, -- begun, but for those that were right
    used_ms INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX code_used ON code (used_ms) WHERE used_ms > 0;
