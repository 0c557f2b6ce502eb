"""Tables of the KEEL repository: reading, models, measures and the report."""
