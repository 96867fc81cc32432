"""A module that ends the program that loads it, as a script without a main guard does."""

from __future__ import annotations

import sys

sys.exit("not meant to be imported")
