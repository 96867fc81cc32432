"""What every world shares: guards that can be taken away one at a time, to see what they are there for."""

from __future__ import annotations

from collections.abc import Iterable


class Guards:
    """All guards there are; those in `off` let everything pass."""

    def __init__(self, known: Iterable[str], off: Iterable[str] = ()) -> None:
        """Take away the guards in `off`; raises KeyError for one that is not known."""
        self._stands = dict.fromkeys(known, True)
        for name in off:
            if name not in self._stands:
                raise KeyError(name)
            self._stands[name] = False

    def on(self, name: str) -> bool:
        """Whether this guard stands; raises KeyError for a name that is not listed."""
        return self._stands[name]

    def passes(self, name: str, condition: bool) -> bool:
        """Whether `condition` holds, or nobody looks."""
        return condition if self._stands[name] else True
