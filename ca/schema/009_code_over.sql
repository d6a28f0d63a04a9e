-- A code whose time is over stays dead, whatever the clock says later: over is set by the first who
-- sees it, and by whatever is recorded at or after its end.
ALTER TABLE code ADD COLUMN over INTEGER NOT NULL DEFAULT 0 CHECK (over IN (0, 1));
CREATE INDEX code_open ON code (ends_ms) WHERE over = 0 AND used_ms = 0;

CREATE TRIGGER code_is_over AFTER INSERT ON audit
BEGIN
    UPDATE code SET over = 1 WHERE over = 0 AND used_ms = 0 AND ends_ms <= new.at_ms;
END;
