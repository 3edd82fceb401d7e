"""What the parts must agree on beyond the wire, and hold alike: without dependencies.

Every part may import it; it imports nothing of the project.
"""
