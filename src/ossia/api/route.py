"""From method, scope and query to the operation.

The most specific operation wins.  A query key that selects any known operation, offered or
declined, can only reach an operation that selects it: otherwise ``PUT /bucket/key?tagging`` on a
server without tagging would overwrite the object with the tagging document.
"""

from collections.abc import Mapping

from ossia.api.operation import Declined, Operation, Registry, Scope
from ossia.errors import InvalidArgument, MethodNotAllowed, NotOffered

_Index = dict[tuple[str, Scope, frozenset[str]], list[Operation | Declined]]


class Router:
    """Finds the operation of a request."""

    def __init__(self, registry: Registry) -> None:
        self._index: _Index = {}
        self._plain: dict[tuple[str, Scope], Operation] = {}
        known: list[Operation | Declined] = [*registry.operations, *registry.declined]
        for operation in known:
            self._add(operation, operation.method, operation.selectors)
            if isinstance(operation, Operation):
                if operation.or_selectors is not None:
                    self._add(operation, operation.method, operation.or_selectors)
                if operation.or_method is not None:
                    self._add(operation, operation.or_method, operation.selectors)
        selectors = {selector for each in known for selector in each.selectors}
        self._exact = {selector for selector in selectors if "=" in selector}
        self._bare = selectors - self._exact
        self._names = {selector.partition("=")[0] for selector in selectors}

    def _add(self, operation: Operation | Declined, method: str, selectors: frozenset[str]) -> None:
        place = (method, operation.scope, selectors)
        rivals = self._index.setdefault(place, [])
        header = operation.header
        if any(rival.header == header for rival in rivals):
            raise TypeError(f"{operation.name} and {rivals[0].name} have the same selectors")
        # An operation that asks for a header is tried before the one that does not.
        rivals.insert(0 if header else len(rivals), operation)
        self._plain = {
            (place[0], place[1]): rivals[0]
            for place, rivals in self._index.items()
            if not place[2] and len(rivals) == 1 and isinstance(rivals[0], Operation)
        }

    def find(
        self,
        method: str,
        scope: Scope,
        query: Mapping[str, str],
        headers: Mapping[bytes, bytes],
    ) -> Operation:
        """The operation.  Raises `NotImplemented` with its name if it is declined."""
        if self._names.isdisjoint(query):
            plain = self._plain.get((method, scope))
            if plain is not None:
                return plain
        chosen = self._selected(query)
        for candidate in self._index.get((method, scope, chosen), ()):
            if candidate.header is not None and candidate.header.encode() not in headers:
                continue
            if isinstance(candidate, Declined):
                raise NotOffered(
                    f"{candidate.name} is an operation of OSS that this server does not offer.",
                    Operation=candidate.name,
                )
            return candidate
        raise self._nothing(method, scope, chosen)

    def _selected(self, query: Mapping[str, str]) -> frozenset[str]:
        chosen = []
        for name in query.keys() & self._names:
            exact = f"{name}={query[name]}"
            if exact in self._exact:
                chosen.append(exact)
            elif name in self._bare:
                chosen.append(name)
        return frozenset(chosen)

    def _nothing(self, method: str, scope: Scope, chosen: frozenset[str]) -> Exception:
        if not chosen:
            return MethodNotAllowed(Method=method, ResourceType=scope.value.capitalize())
        names = ", ".join(sorted(chosen))
        elsewhere = any(place[2] == chosen for place in self._index)
        if elsewhere:
            return MethodNotAllowed(Method=method, ResourceType=names)
        return InvalidArgument(
            "Unexpected query string parameter",
            ec="0017-00000001",
            ArgumentName="ResourceType",
            ArgumentValue=names,
        )
