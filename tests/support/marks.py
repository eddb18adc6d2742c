"""Which tests are slow, and why: `make test-fast`, `test` and `test-slow` go by this list."""

MARKS = {}


def marks_of(_):
    return []
