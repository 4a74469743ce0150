"""Photo files: recognised by content, decoded, encoded."""
