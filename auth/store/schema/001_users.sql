-- Users. A name is there once however its letters are cased: two accounts that differ in nothing
-- else are a trap. folded: name with ASCII letters in lower case. certificate: 0 as the
-- configuration says, 1 required, 2 optional. groups: names with commas between. pins: SHA-256
-- digests of certificates, 32 octets each, one behind the other.
PRAGMA application_id = 0x63736775;
CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    certificate INTEGER NOT NULL DEFAULT 0 CHECK (certificate IN (0, 1, 2)),
    disabled INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    expires_ms INTEGER NOT NULL DEFAULT 0 CHECK (expires_ms >= 0),
    totp_required INTEGER NOT NULL DEFAULT 0 CHECK (totp_required IN (0, 1)),
    totp_secret BLOB NOT NULL DEFAULT x'',
    groups TEXT NOT NULL DEFAULT '',
    pins BLOB NOT NULL DEFAULT x'' CHECK (length(pins) % 32 = 0)
) STRICT;
CREATE INDEX user_certificate_optional ON user (id) WHERE certificate = 2;
