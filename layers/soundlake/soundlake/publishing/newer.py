"""Which plays are newer than what was derived from them."""

from soundlake.store.lake import Lake, month_of_key

ACTIVITY = "music_activity"


def newer_plays(lake: Lake, account: str) -> list[str]:
    """The months whose plays were written after their activity (or within the same second)."""
    plays, activity = (
        {month_of_key(key): at for key, at in lake.written(table, account).items()}
        for table in ("plays", ACTIVITY)
    )
    return [month for month, at in plays.items() if month not in activity or activity[month] <= at]
