"""Names and texts of an image as a record can hold them."""


def text_of(text: str) -> str:
    """Without what is no UTF-8: a name's odd bytes, half a surrogate pair of a document."""
    return text.encode("utf-8", "replace").decode()
