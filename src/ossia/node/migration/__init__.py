"""``ossia migrate``: carry everything that is stored from one form to another.

A pass takes a consistent view of the source's rows into a file of its own (`staging`), copies the
bytes that the target lacks (`blobs`), and makes the target's rows those of the view (`levelling`).
The source serves meanwhile, and nothing is changed at it.  What a pass finds done it does not do
again: that is how it resumes after an interruption, and how the last pass, at a source that takes
no writes any more, is short.  Only the last one verifies everything and lets the target be served.
"""
