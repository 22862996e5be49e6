"""Everything that lasts: tables and their queries, leases, events, blobs, sealed secrets. Only this layer knows SQL."""
