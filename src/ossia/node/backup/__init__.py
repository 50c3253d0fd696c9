"""``ossia backup`` and ``ossia restore``: everything that is stored, as it was at one moment.

A backup takes a consistent view of the rows of a running deployment, as a migration does, and holds
the collector still until the bytes that the view names are copied (`holding`).  They go into a
repository (`repository`): a folder in which every file is encrypted and authenticated with its
place.  Blobs never change and their names are never used again, so what is there is not copied
again; rows are cut into sheaves by their keys (`sheaves`), so the same is true of them.  A point,
which is one more file, makes a backup count (`points`).  A restore is a migration whose source is
a point (`point_form`).
"""
