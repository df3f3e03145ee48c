# A tour of an archive, cell by cell (Jupyter, VS Code and Spyder know "# %%"). It asks the bucket of the public HelioCloud
# registry; AWS_ENDPOINT_URL_S3 and ROOT_CATALOG_REGISTRY_URL send it to another place.

# %% Which buckets are there, and which datasets has the first of them?
import heliodex
from heliodex import CatalogRegistry, CloudCatalog, EntireCatalogSearch

registry = CatalogRegistry()
print(registry.get_entries())

endpoint = registry.get_endpoint(registry.get_entries()[0][0])
catalog = CloudCatalog(endpoint, cache=True)
print(catalog, "has", len(catalog.get_entries()), "datasets")

# %% Where are images of the Sun? Words are looked for in ids, titles, places and tags of all buckets.
search = EntireCatalogSearch()
for entry in search.search_by_keywords(["sdo", "aia"])[:3]:
    print(entry["id"], "-", entry["title"], entry["start"], entry["stop"])

# %% The files of one wavelength at the end of 2022, as a DataFrame that is ours to change
images = catalog.request_cloud_catalog("aia_0094", "2022-12-31T22:00", "2023-01-01")
images["MB"] = images.pop("filesize") / 1e6
print(images[["start", "MB"]].describe().loc[["mean", "min", "max"]])

# %% How complete is the year? Counts come from zone maps: no row is looked at.
year = heliodex.query(endpoint, "aia_0094", "2022", "2023", match="start")
for month, sum in year.counts("month"):
    print(str(month)[:7], f"{sum.rows:6,} files, {sum.bytes / 1e9:5.1f} GB")

# %% The gaps: where a file begins later than the one before it ended. Times alone are decoded.
import numpy as np

times = heliodex.query(endpoint, "aia_0094", "2022", "2023", columns=["start", "stop"]).to_batch()
waits = times["start"][1:] - times["stop"][:-1]
longest = int(np.argmax(waits))
print("the longest gap:", times["stop"][longest], "to", times["start"][longest + 1])

# %% The bytes of the last hour, in order, while the next files are already on their way. What cannot be had is listed.
failures = []
total = 0
hour = heliodex.query(endpoint, "aia_0094", "2022-12-31T23", "2023", match="start")
for file in heliodex.stream(hour, errors=failures):
    total += len(file.data.read())  # fits.open(file.data) …
print(f"{total / 1e6:.1f} MB, {len(failures)} failures")

# %% Or as files. A rerun asks for nothing that is there, and goes on with what is not.
for _ in range(2):
    summary = heliodex.mirror(hour, "aia_0094", layout="{name}")
    print(summary.fetched, "fetched,", summary.unchanged, "unchanged")

# %% More rows than memory: batches of numpy arrays
rows = 0
for batch in heliodex.query(endpoint, "aia_0094", columns=["filesize"]):
    rows += int((batch["filesize"] > 3_000_000).sum())
print(f"{rows:,} files are larger than 3 MB")
