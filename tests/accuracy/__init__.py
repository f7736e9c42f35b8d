"""How well rows that are the same listening are found, on made-up lives whose truth is known."""
