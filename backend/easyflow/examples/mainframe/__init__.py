"""A card company's nightly posting run, from its EBCDIC files to booked balances."""
