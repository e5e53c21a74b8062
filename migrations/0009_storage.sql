-- Since when the files of a study cannot be read; its analysis waits for them, no longer than the maximum age.
ALTER TABLE study ADD COLUMN unreadable_since timestamptz;
