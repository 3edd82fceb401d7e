"""What others say, read by a grammar and cleaned: addresses, patterns, secrets, texts."""
