"""What fills a mask."""
