"""Coverage-guided fuzzing of every parser of foreign bytes; see README.md beside this file."""
