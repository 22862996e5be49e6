"""What can be wrong with an expression."""


class ExpressionError(ValueError):
    """An expression that cannot be read or evaluated; `position` is 1-based within its text, 0 when unknown."""

    def __init__(self, message: str, *, position: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


class ConversionError(ExpressionError):
    """A value that has no meaning as another type."""
