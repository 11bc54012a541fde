"""Any sets of runs against each other, in the ways that rliable's users expect."""
