-- Who has certificates in use is told by the index alone.
DROP INDEX request_in_use;
CREATE INDEX request_in_use ON request (user, state) WHERE state BETWEEN 3 AND 7;
