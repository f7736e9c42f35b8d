"""What Enrich asks for, each kind of knowledge in a module of its own."""
