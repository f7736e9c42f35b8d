"""A function's settings, from its environment, checked once when it starts."""

import os
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template tells every function."""

    data_bucket: str
    parameter_prefix: str
    accounts_table: str
    budget_table: str
    quota_owner: str
    spotify_api_url: str
    spotify_accounts_url: str
    analyses_per_day: str
    feature_sources: str
    reccobeats_api_url: str
    chart_sources: str
    kworb_url: str
    genre_sources: str
    musicbrainz_api_url: str
    contact: str
    daily_requests: str
    request_spacing_ms: str
    source_spacing: str


@cache
def settings() -> Settings:
    """The settings of this process; raises RuntimeError naming a variable that is missing."""
    names = [name.upper() for name in Settings.__dataclass_fields__]
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise RuntimeError(f"The environment variable {missing[0]} is missing.")
    return Settings(*(os.environ[name] for name in names))
