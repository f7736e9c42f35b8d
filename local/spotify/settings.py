"""What a run of the local Spotify can be told."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

CLIENT_ID = "soundlake-local-client"
CLIENT_SECRET = "soundlake-local-secret"  # noqa: S105 - a constant of a made-up service

PlaylistShape = Literal["tracks", "items"]
Mode = Literal["extended", "development_2025", "development"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)


@dataclass(frozen=True)
class Settings:
    """How the service behaves.

    Attributes:
        client_id, client_secret: the only client the token endpoint knows.
        mode: the app's access mode at Spotify; `access` says what each answers.
        client_credentials: in the development modes, whether an app's own token may look
            anything up; reports of 2026 disagree. Without it, it is issued but refused with 403.
        rotate_refresh_tokens: each refresh gives a new refresh token, whose first use ends the old.
        playlist_shape: "tracks" answers as to apps with extended access
            (``tracks.items[].track``), "items" as since February 2026 (``items.items[].item``);
            the mode "development" always has "items".
        daily_quota: /v1 requests allowed in any 24 hours of the local clock, over all clients and
            in every mode; 0 means no limit.
        rate_limit: /v1 requests allowed in any 30 seconds; 0 means no limit.
        token_lifetime_s: seconds an access token lives.
        log_size: how many of the newest requests ``/_control/requests`` lists.
    """

    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    mode: Mode = "extended"
    client_credentials: bool = True
    rotate_refresh_tokens: bool = False
    playlist_shape: PlaylistShape = "tracks"
    daily_quota: int = 0
    rate_limit: int = 0
    token_lifetime_s: int = 3600
    log_size: int = 1000
