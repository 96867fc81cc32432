"""Explore every world and print what was found: `python -m tests.explorer`, or with `--traces` every counterexample."""

from __future__ import annotations

import sys

from tests.explorer.worlds import OUT_OF_SCOPE, PLACES, Place, moves_taken


def main(arguments: list[str]) -> int:
    """Print states, seconds and the length of each counterexample; returns 1 when anything is not as it should be."""
    traces = "--traces" in arguments
    whole, states, seconds, failed = [], 0, 0.0, 0
    for place in PLACES:
        found = place.explored()
        whole.append(found)
        states += found.states
        seconds += found.seconds
        print(f"{place.name}: {found.states:,} states in {found.seconds:.1f} s")
        if found.breach is not None:
            failed += 1
            print(found)
        failed += sum(not _broken(place, guard, traces) for guard in place.guards)
    taken, guards = len(moves_taken(whole)), sum(len(place.guards) for place in PLACES)
    print(f"\nwith every guard: {states:,} states in {seconds:.1f} s; moves of the table: {taken} taken, ", end="")
    print(f"{len(OUT_OF_SCOPE)} out of scope; {guards} guards taken away one at a time")
    print(f"{failed} of these are not as they should be" if failed else "all as it should be")
    return 1 if failed else 0


def _broken(place: Place, guard: str, traces: bool) -> bool:
    """Explore without one guard and say what goes wrong then; False when nothing does."""
    found = place.explored(guard)
    if found.breach is None:
        print(f"  without {guard!r}: nothing goes wrong in {found.states:,} states")
        return False
    print(f"  without {guard!r}: {len(found.trace)} steps to: {found.breach}")
    if traces:
        print("\n".join(f"    {number:2}. {line}" for number, line in enumerate(found.trace, 1)))
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
