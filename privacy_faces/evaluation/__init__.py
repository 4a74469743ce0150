"""The one judge: no method file contains a threshold or a success test."""
