"""Deep estimators."""
