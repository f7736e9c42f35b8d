"""Every function invoked with its file from events/, as `sam local invoke` does it."""
