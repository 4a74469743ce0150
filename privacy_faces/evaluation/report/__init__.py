"""report.html from results.json."""
