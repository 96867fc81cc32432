"""Pure decisions: states, transitions, outcomes, budgets. No clock, no I/O."""
