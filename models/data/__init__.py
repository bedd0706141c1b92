"""Data for the models: the course's schema, the embedded scenes, batches."""
