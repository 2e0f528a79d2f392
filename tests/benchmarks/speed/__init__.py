"""How fast vsortd is, against the common script, against its own floors, and in what people do with it."""
