"""Where facts come from that the lake has of others: one small interface, one module a source."""
