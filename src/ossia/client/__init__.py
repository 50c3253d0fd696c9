"""Calls to the server from outside.  What applications import; needs the standard library only."""

from ossia.client.sts import Credentials, StsUnreachable, assume_role

__all__ = ["Credentials", "StsUnreachable", "assume_role"]
