"""The embedded AWS: MiniStack with the few CloudFormation types it lacks, on the loopback only."""
