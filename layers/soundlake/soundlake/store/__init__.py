"""AWS: raw answers, staged rows, the lake's tables, and SecureStrings."""
