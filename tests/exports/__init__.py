"""Made-up listening lives, and files of every service and generation that tell of them.

All is decided by a seed. `lives` makes what was heard, `spotify` and `services` the files, and
`expected` what a reader has to make of each row.
"""
