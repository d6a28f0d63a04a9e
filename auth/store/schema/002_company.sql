-- The company that certificates of this user must name; empty: as the CA's profiles say.
ALTER TABLE user ADD COLUMN company TEXT NOT NULL DEFAULT '';
