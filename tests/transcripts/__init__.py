"""Transcripts of the command line for the documentation, from a lake of a made-up world."""
