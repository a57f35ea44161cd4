"""One file a version, named after it; a new one copies the form of the one before and sets `schema.VERSION`."""
