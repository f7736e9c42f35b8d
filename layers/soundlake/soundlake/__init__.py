"""Soundlake: a listener's Spotify history and the world's charts as an open data lake.

The domain (`charts`, `plays`, `entities`, `features`, `sections`, `activity`, `profiles`,
`countries`, `times`) imports neither AWS nor HTTP; `spotify` is the only module that talks to
Spotify, `store` the only one that talks to AWS. The functions wire them together.
"""
