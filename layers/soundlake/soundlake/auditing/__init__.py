"""The audit: the tables are derived again from the raw zone, by the same code, and compared."""
