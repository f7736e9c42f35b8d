"""Country profiles: what one chart sounded like on one day."""

from typing import Any

import pandas as pd

MEANS = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
    "duration_ms",
)
_CHART = ["chart", "country", "country_name", "chart_date"]


def country_profiles(entries: pd.DataFrame, features: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per chart and day: the means of its tracks' features, and how many had any.

    `entries` has chart, country, country_name, chart_date, position and track_id; `features` has
    track_id and the features, once per track, null where unknown. Unknown values count in no
    mean; a chart without any known feature has null means. `major_share` is the share of tracks
    in a major mode among those whose mode is known.
    """
    if entries.empty:
        return []
    joined = entries.sort_values(["chart", "chart_date", "position"]).merge(
        features, on="track_id", how="left", validate="many_to_one"
    )
    joined["known"] = joined["danceability"].notna()
    groups = joined.groupby(_CHART, sort=True)
    profiles = groups.agg(
        tracks=("track_id", "size"),
        tracks_with_features=("known", "sum"),
        major_share=("mode", "mean"),
        **{f"{name}_mean": (name, "mean") for name in MEANS},
    ).reset_index()
    records = profiles.astype(object).where(profiles.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]
