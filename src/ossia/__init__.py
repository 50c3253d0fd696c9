"""Object storage that speaks Alibaba Cloud OSS, upload callbacks included."""

from importlib.metadata import version

__version__ = version("ossia")
