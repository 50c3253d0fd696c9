"""``ossia check``: whether all that is stored is there, is what it was, and is counted right.

::

    engine        what the engine of the metadata keeps checksums of
    rows          a copy of all of them, of one commit (`node.migration.staging`)
    bookkeeping   what that copy says of itself: references, usage, pieces
    blobs         whether the blobs that rows name are there; which are there and named by none
    bytes         the CRC-64 of everything that somebody can read
"""
