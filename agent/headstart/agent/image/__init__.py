"""What an image is made of and what kind of program it starts; nothing of it is executed."""

__all__ = ["cache", "command", "reader", "tar_stream"]
