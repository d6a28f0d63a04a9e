-- What was done about one request or certificate is found without reading the whole record.
CREATE INDEX audit_object ON audit (object, seq);
