"""One module for each format of history: how its rows are kept, and what they say."""
