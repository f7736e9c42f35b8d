"""Soundlake's command line: runs the lake on this machine and speaks to it through AWS's APIs."""
