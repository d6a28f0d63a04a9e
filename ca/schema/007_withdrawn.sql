-- What a revocation list says of each is read from the index alone, in its order.
DROP INDEX certificate_withdrawn;
CREATE INDEX certificate_withdrawn
    ON certificate (withdrawn_ms, not_after_ms, withdrawn_reason, fingerprint)
    WHERE withdrawn_ms > 0;
