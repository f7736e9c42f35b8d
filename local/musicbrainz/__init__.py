"""The local MusicBrainz: its web service 2 under ``/musicbrainz/ws/2`` of the local Spotify's port.

It stands in for ``musicbrainz.org`` when Soundlake runs without it, for the artists of the local
Spotify's world. Its counts, faults and clock are those of the local Spotify's controls.
"""
