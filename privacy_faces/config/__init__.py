"""What a user may set: options, registry, profiles, and where each value came from."""
