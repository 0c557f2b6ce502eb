"""The guard of the certificates: random cases, an attack, and 60 decimal digits."""
