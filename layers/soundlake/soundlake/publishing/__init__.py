"""What Publish does, table by table: entities, answers, profiles, activity, chart days.

Publish alone writes these tables. Each module reads what the others and the branches left in the
lake, and writes only what that changes, so a run that learned nothing writes nothing.
"""
