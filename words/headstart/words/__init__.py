"""What the parts must agree on beyond the wire, and hold alike: no dependency but RE2.

Every part may import it; it imports nothing of the project.
"""
