-- The revocation list that is out: its number (RFC 5280 5.2.3), and what it was made of. changes
-- counts withdrawals and lifted holds, so that a list is known to be old.
CREATE TABLE crl (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    this_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    der BLOB NOT NULL
) STRICT;

CREATE TABLE change (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;

INSERT INTO change (one, count) VALUES (1, 0);

CREATE TRIGGER certificate_withdrawal AFTER UPDATE OF withdrawn_ms ON certificate
WHEN (old.withdrawn_ms > 0) <> (new.withdrawn_ms > 0) OR old.withdrawn_reason <> new.withdrawn_reason
BEGIN
    UPDATE change SET count = count + 1;
END;
