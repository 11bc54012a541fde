"""All that rests on private parts of other libraries, a file for each part.

`READ_IN` in each file names the version in which the part was read. `tests/adapters` says in one
line which part of which library has changed.
"""
