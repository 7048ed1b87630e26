"""Use cases: one file each; domain and ports in, typed decisions out."""
