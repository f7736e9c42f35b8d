"""Country profiles: what one chart sounded like on one day."""

from datetime import date
from typing import Any

import pandas as pd

from soundlake.countries import COUNTRIES, season

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
QUARTILES = {"q1": 0.25, "median": 0.5, "q3": 0.75}
_CHART = ["chart", "country", "country_name", "chart_date"]


def country_profiles(entries: pd.DataFrame, features: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per chart and day: what its tracks sound like, and of how many that is known.

    `entries` has chart, country, country_name, chart_date, position and track_id; `features` has
    track_id and the features, once per track, null where unknown. Of each of `MEANS` there are
    the mean, the sample's standard deviation and the quartiles (linearly interpolated). Unknown
    values count in none of them; a chart without any known feature has nulls, and one with a
    single known value no deviation. `major_share` is the share of tracks in a major mode among
    those whose mode is known, `coverage` the share of tracks with known features. `season` is
    that of the chart's date where most of the country's people live; the world has none.
    """
    if entries.empty:
        return []
    joined = entries.sort_values(["chart", "chart_date", "position"]).merge(
        features, on="track_id", how="left", validate="many_to_one"
    )
    measured = [*MEANS, "mode"]
    joined[measured] = _finite(joined[measured].astype("float64"))
    joined["known"] = joined["danceability"].notna()
    groups = joined.groupby(_CHART, sort=True)
    profiles = groups.agg(
        tracks=("track_id", "size"),
        tracks_with_features=("known", "sum"),
        major_share=("mode", "mean"),
        **{f"{name}_mean": (name, "mean") for name in MEANS},
        **{f"{name}_std": (name, "std") for name in MEANS},
    )
    for part, share in QUARTILES.items():
        quartiles = groups[list(MEANS)].quantile(share)
        profiles[[f"{name}_{part}" for name in MEANS]] = quartiles
    profiles["coverage"] = profiles["tracks_with_features"] / profiles["tracks"]
    profiles = _finite(profiles).reset_index()
    records = profiles.astype(object).where(profiles.notna(), None).to_dict("records")
    return [
        {str(name): value for name, value in record.items()}
        | _place(record["country"], record["chart_date"])
        for record in records
    ]


def _finite(numbers: pd.DataFrame) -> pd.DataFrame:
    """The numbers, with nulls for those that are infinite: no mean could be taken of them."""
    return numbers.replace([float("inf"), float("-inf")], float("nan"))


def _place(code: str, day: date) -> dict[str, Any]:
    """Where a chart's country lies, and the season there; all null for the world."""
    country = COUNTRIES.get(code)
    if country is None:
        return {"region": None, "hemisphere": None, "season": None}
    return {
        "region": country.region,
        "hemisphere": country.hemisphere,
        "season": season(day, country.hemisphere),
    }
