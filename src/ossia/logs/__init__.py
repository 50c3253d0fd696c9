"""Log lines: what they are about, how they look, where they go.  Needs nothing else of Ossia."""
