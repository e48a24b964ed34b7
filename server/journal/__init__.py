"""The write-ahead journal of events: first to a local file, from there into the database."""
