"""The nouns that travel: frozen dataclasses with shapes."""
