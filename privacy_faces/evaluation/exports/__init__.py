"""What an evaluation leaves for other programs: every number, every photo, and tables for papers."""
