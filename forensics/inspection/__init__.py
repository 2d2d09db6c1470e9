"""Is a face in this file manipulated, where, when, and how sure is that."""
