"""What changes a face: the contract, and one file per family."""
