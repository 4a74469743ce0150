"""Does recognition still find the person? One judge for receipts and evaluations."""
