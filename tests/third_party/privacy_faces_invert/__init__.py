"""A method for privacy-faces that lives in a distribution of its own."""
