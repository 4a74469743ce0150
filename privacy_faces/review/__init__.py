"""The page on which people choose faces, look, and write: a thin shell over the list of faces and the pipeline."""
