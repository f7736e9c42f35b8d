"""The local Spotify: a loopback service that answers like the Spotify Web API.

It stands in for ``accounts.spotify.com`` and ``api.spotify.com`` when Soundlake runs without
Spotify, from either one real day of charts (`charts_csv`) or a made-up world (`made_up`).
It is never deployed and listens on the loopback only. ``python -m local.spotify --help``.
"""
