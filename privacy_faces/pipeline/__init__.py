"""The way a photo travels: protect, encode, write, judge, receipt; then many photos."""
