"""`imagebatch contract check`: a contract against its model, and against the contracts next door on photos."""
