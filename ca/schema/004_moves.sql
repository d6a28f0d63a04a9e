-- A hold is lifted to the state before it. held_for: 0 an operator's or the holder's word; 1 the
-- account is closed, and the hold goes when it is open again (ca/policy).
ALTER TABLE certificate ADD COLUMN state_before INTEGER NOT NULL DEFAULT 5
    CHECK (state_before BETWEEN 3 AND 6);
ALTER TABLE certificate ADD COLUMN held_for INTEGER NOT NULL DEFAULT 0 CHECK (held_for IN (0, 1));

-- Whether its request knows that its end has come. Those to look at stand in an index of their own.
ALTER TABLE certificate ADD COLUMN expired INTEGER NOT NULL DEFAULT 0 CHECK (expired IN (0, 1));
CREATE INDEX certificate_to_expire ON certificate (not_after_ms) WHERE expired = 0;

-- Users who had an account once: whoever of them has none any more was deleted. All others never
-- were in the users' store, and are not missed there.
CREATE TABLE account (user TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

CREATE INDEX request_renews ON request (renews) WHERE renews IS NOT NULL;
CREATE INDEX request_in_use ON request (user) WHERE state BETWEEN 3 AND 7;

-- The moves of ca/life.h, said here too, so that no statement makes another.
CREATE TRIGGER request_moves BEFORE UPDATE OF state ON request
WHEN NOT (
    (old.state = 0 AND new.state IN (1, 2))
    OR (old.state = 1 AND new.state IN (2, 3))
    OR (old.state = 3 AND new.state IN (4, 5, 6, 7, 8))
    OR (old.state = 4 AND new.state IN (5, 6, 7, 8))
    OR (old.state = 5 AND new.state IN (6, 7, 8))
    OR (old.state = 6 AND new.state IN (7, 8))
    OR (old.state = 7 AND new.state IN (3, 4, 5, 6, 8))
)
BEGIN
    SELECT raise(ABORT, 'a request does not change its state like that');
END;
