"""The customer's side: who may upload what, tokens, signed forms, callbacks."""

from ossia.appserver.config import app_config
from ossia.appserver.grant import Grant, Refused

__all__ = ["Grant", "Refused", "app_config"]
