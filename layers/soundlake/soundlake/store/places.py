"""Where single objects lie in the data bucket; who only asks for them loads nothing else."""

QUEUE = "queue/enrichment.parquet"
