"""The names of the original tool's package, as it is today: `from heliodex.compat import cloudcatalog`, or, after
heliodex.install_as_cloudcatalog(), `import cloudcatalog`."""

from .main import CatalogRegistry, CloudCatalog, EntireCatalogSearch

__all__ = ["CatalogRegistry", "CloudCatalog", "EntireCatalogSearch"]
