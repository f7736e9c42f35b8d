"""Who may do what: docs/permissions.md from the template, and what a deployed stack refuses."""
