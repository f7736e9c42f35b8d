"""The local kworb.net: pages of the world's charts under ``/kworb/spotify`` of the local Spotify.

It stands in for ``kworb.net/spotify`` when Soundlake runs without it, for the charts of the local
Spotify's world. Its counts, faults and clock are those of the local Spotify's controls.
"""
