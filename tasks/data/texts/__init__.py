"""Own texts as data: a reader for each kind of file, the survey of all texts, and their way to Parquet."""
