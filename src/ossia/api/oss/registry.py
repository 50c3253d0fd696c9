"""The registry that the topic modules fill."""

from ossia.api.operation import Registry

oss = Registry("oss")
