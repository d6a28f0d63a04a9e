-- What people are to be told. No text stands here: codes and passwords live in the memory of the
-- process that sends them, all else is written when it is sent. kind: ca/message.h.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    request TEXT NOT NULL REFERENCES request (id),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4),
    made_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    sent_ms INTEGER NOT NULL DEFAULT 0,
    failed_ms INTEGER NOT NULL DEFAULT 0, -- given up
    error TEXT NOT NULL DEFAULT ''        -- of the last try
) STRICT;

CREATE INDEX outbox_request ON outbox (request, id);
CREATE INDEX outbox_due ON outbox (next_ms) WHERE sent_ms = 0 AND failed_ms = 0;

-- Whoever asked hears of the decision, in the transaction that makes it.
CREATE TRIGGER outbox_decision AFTER UPDATE OF state ON request
WHEN (old.state = 0 AND new.state = 1) OR (old.state IN (0, 1) AND new.state = 2)
BEGIN
    INSERT INTO outbox (request, kind, made_ms, next_ms)
    VALUES (new.id, CASE new.state WHEN 1 THEN 2 ELSE 3 END, 0, 0);
END;

-- For which of the days before its end a certificate's user was told last, and when.
CREATE TABLE notice (
    serial TEXT PRIMARY KEY REFERENCES certificate (serial),
    days INTEGER NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
