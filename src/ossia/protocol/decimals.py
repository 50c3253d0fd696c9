"""Numbers from clients: ASCII digits and nothing else, in a bounded count."""


def is_decimal(text: str, most_digits: int) -> bool:
    """Whether *text* has 1 to *most_digits* ASCII digits; other scripts have digits, too."""
    return text.isascii() and text.isdigit() and len(text) <= most_digits
