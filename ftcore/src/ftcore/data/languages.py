"""The language of a text, by the library py3langid (97 languages, model included)."""

from __future__ import annotations

from ftcore.errors import DataError

UNSURE = "unsure"
SURE_FROM = 0.3  # probability; short texts, code and mixed ones stay below


class LanguageGuess:
    """Guesses languages; the model is loaded once. Raises `DataError` without the library."""

    def __init__(self) -> None:
        try:
            from py3langid.langid import (  # type: ignore[import-untyped, unused-ignore]
                MODEL_FILE,
                LanguageIdentifier,
            )
        except ImportError as error:
            raise DataError(
                "languages need the library py3langid",
                hint='pip install "ftcore[languages]"',
                code="data.languages",
            ) from error
        self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)

    def of(self, text: str) -> str:
        """Return the ISO 639-1 code of the text's main language, or ``unsure``."""
        code, probability = self._model.classify(text)
        return str(code) if probability >= SURE_FROM else UNSURE
