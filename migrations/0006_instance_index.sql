-- The list counts the instances of each study: from the index alone, not from their rows.
CREATE INDEX instance_of_study ON instance (study_instance_uid, sop_instance_uid);
DROP INDEX instance_study;
