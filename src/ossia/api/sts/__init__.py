"""STS: temporary credentials, over RPC 1.0 and ACS3."""

from ossia.api.sts.answer import RpcAnswer
from ossia.api.sts.rpc import RpcService, is_rpc

__all__ = ["RpcAnswer", "RpcService", "is_rpc"]
