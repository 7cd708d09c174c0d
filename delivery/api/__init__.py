"""The tenant's REST API: send messages, follow them, cancel them, keep suppressions. Every view is a `TenantView`."""
