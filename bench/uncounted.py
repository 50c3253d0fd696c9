"""``ossia`` as it would be if it counted nothing: what metrics are measured against.

    python bench/uncounted.py serve …

No setting does this.  The same server runs, and its requests and stores are told to nobody.
"""

from ossia import cli
from ossia.gateway.pipeline import Gateway
from ossia.node import bootstrap

begin = Gateway.__init__
open_stores = bootstrap.open_stores


def begin_uncounted(gateway, *services, **more):
    begin(gateway, *services, **more | {"note": None})


def open_uncounted(settings, folder, clock, _metrics=None):
    return open_stores(settings, folder, clock)


if __name__ == "__main__":
    Gateway.__init__ = begin_uncounted
    bootstrap.open_stores = open_uncounted
    cli.main()
