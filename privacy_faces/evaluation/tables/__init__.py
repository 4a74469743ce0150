"""From what was seen to the tables of results.json."""
