"""The terms of the makeup losses, each a pure function that returns one value per image."""
