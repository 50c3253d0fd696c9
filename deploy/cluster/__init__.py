"""A whole Ossia of many machines on one machine: to try it, and to break it on purpose.

No containers and no systemd: Debian's packages of Ceph, PostgreSQL, etcd and HAProxy, Patroni from
PyPI, and the Ossia of this checkout, each in a process of its own below one folder.  ``python -m
cluster`` is the command; tests import `cluster.whole`.
"""
