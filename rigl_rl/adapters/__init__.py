"""All code that depends on private parts of other libraries, one file per part.

`READ_IN` in each file names the library version whose source was read. When a part changes,
`tests/adapters` fails with one line that names it.
"""
