"""Listening history from files: what an upload is, and what its rows say."""
