"""Mutations of the domain code; nothing here is a test. `make mutants` runs them."""
