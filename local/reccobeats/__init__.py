"""The local ReccoBeats: audio features under ``/reccobeats/v1`` of the local Spotify's port.

It stands in for ``api.reccobeats.com`` when Soundlake runs without it, for the tracks of the local
Spotify's world. Its counts, faults and clock are those of the local Spotify's controls.
"""
