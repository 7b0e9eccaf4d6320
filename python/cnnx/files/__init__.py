"""Files in the file system: replaced as a whole, locked, and refused by their kind."""
