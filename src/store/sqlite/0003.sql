-- Who claimed a change: what a process that has ended had claimed is free at once.
ALTER TABLE inbox ADD COLUMN worker TEXT;
CREATE INDEX inbox_worker ON inbox (worker) WHERE leased = 1;
