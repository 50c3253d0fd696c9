"""What somebody must act on."""


class ClusterError(Exception):
    """One line, with the remedy."""
