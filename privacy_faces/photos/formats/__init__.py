"""Photo files: recognized by content, decoded, encoded."""
