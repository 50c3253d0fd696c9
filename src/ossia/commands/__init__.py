"""The command groups of `ossia.cli` that speak to a server as anybody else does, over HTTP."""
