-- The heat maps of the key slices as numbers, for the page to lay over any window; null for results of before.
ALTER TABLE result ADD COLUMN heatmaps jsonb;
