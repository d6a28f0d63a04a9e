-- Requests, decisions, certificates, and the record of all that happened. Times are milliseconds of
-- the wall clock since 1970 UTC; 0 is "not yet". States and kinds are the numbers of ca/life.h.
PRAGMA application_id = 0x63736361;

CREATE TABLE request (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 8),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3),
    profile TEXT NOT NULL,
    user TEXT NOT NULL CHECK (length(user) > 0),
    company TEXT NOT NULL,
    requester TEXT NOT NULL,
    origin TEXT NOT NULL,
    csr BLOB,
    spki BLOB CHECK (spki IS NULL OR length(spki) = 32),
    filed_ms INTEGER NOT NULL,
    decided_ms INTEGER NOT NULL DEFAULT 0,
    approvals_needed INTEGER NOT NULL CHECK (approvals_needed >= 0),
    denied_reason TEXT NOT NULL DEFAULT '',
    renews TEXT REFERENCES request (id)
) STRICT;

CREATE INDEX request_state ON request (state, seq);
CREATE INDEX request_user ON request (user, seq);
CREATE INDEX request_spki ON request (spki);

CREATE TABLE decision (
    request TEXT NOT NULL REFERENCES request (id),
    operator TEXT NOT NULL CHECK (length(operator) > 0),
    agreed INTEGER NOT NULL CHECK (agreed IN (0, 1)),
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (request, operator)
) STRICT, WITHOUT ROWID;

-- One certificate at most for a request, and no serial number twice: the database says so too.
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY CHECK (length(serial) BETWEEN 2 AND 40),
    request TEXT NOT NULL UNIQUE REFERENCES request (id),
    der BLOB NOT NULL,
    fingerprint BLOB NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    not_before_ms INTEGER NOT NULL,
    not_after_ms INTEGER NOT NULL,
    overlap_ends_ms INTEGER NOT NULL DEFAULT 0,
    withdrawn_ms INTEGER NOT NULL DEFAULT 0,
    withdrawn_reason INTEGER NOT NULL DEFAULT -1,
    published INTEGER NOT NULL DEFAULT 0 CHECK (published IN (0, 1)) -- the proxies refuse it
) STRICT, WITHOUT ROWID;

CREATE INDEX certificate_end ON certificate (not_after_ms);
CREATE INDEX certificate_withdrawn ON certificate (withdrawn_ms) WHERE withdrawn_ms > 0;
CREATE INDEX certificate_unpublished ON certificate (serial)
    WHERE (withdrawn_ms > 0) <> published;
CREATE INDEX certificate_overlap ON certificate (overlap_ends_ms) WHERE overlap_ends_ms > 0;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit record is append-only');
END;

CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit record is append-only');
END;
