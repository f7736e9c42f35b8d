"""Importing: what a file of listening history says, and what becomes of each of its rows."""
