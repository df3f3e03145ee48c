"""The client's documented rule, written anew with pandas: what request_cloud_catalog has to answer.

Index files of the years are read by pandas, position decides what a column is, rows with stop >= start_date and
start < stop_date are kept. Only what the module's documentation lists as a difference is done as it says there: quotes of
both kinds, files without a header, the year before, order, missing sizes, a made-up stop over all years.
"""

import io
import json
import re
from pathlib import Path

import pandas as pd

COLUMNS = ["start", "stop", "datakey", "filesize"]


def read_index(path):
    """The first four columns of an index file as texts; a header is left out."""
    text = path.read_bytes().decode("utf-8-sig")
    quote = "'" if "'" in text and '"' not in text else '"'
    if not text.strip():
        return pd.DataFrame(columns=COLUMNS)
    frame = pd.read_csv(io.StringIO(text), header=None, dtype=str, keep_default_na=False, quotechar=quote,
                        skipinitialspace=True, names=range(12), engine="python").fillna("")
    frame = frame[~frame[0].str.lstrip("# ").str.match(r"\D")]  # what begins with no digit is a header
    frame = frame.apply(lambda column: column.str.strip())
    if frame[3].eq("").all() and len(frame):  # no stop: start, key, filesize
        frame.insert(1, "stop", "")
        frame.columns = range(frame.shape[1])
    return frame[[0, 1, 2, 3]].set_axis(COLUMNS, axis=1)


def times(texts):
    """Restricted ISO 8601 in any truncation, one by one: forms mix."""
    return pd.to_datetime([re.sub(r"^(\d{4})-(\d{3})(?=T|$)", day_of_year, text.rstrip("Z")) for text in texts])


def day_of_year(match):
    return str(pd.Timestamp(match[1]) + pd.Timedelta(days=int(match[2]) - 1))[:10]


def rows_of(folder, entry):
    """All rows of a dataset, by start, stop and key."""
    place = Path(folder) / entry["index"].removeprefix("s3://")
    files = sorted(place.glob(f"{entry['id']}_[0-9][0-9][0-9][0-9].csv"))
    frames = [read_index(file) for file in files]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)
    frame["start"] = times(frame["start"])
    made_up = frame["stop"].eq("").all() and len(frame) > 0
    frame["stop"] = pd.NaT if made_up else times(frame["stop"])
    frame["filesize"] = frame["filesize"].str.split(".").str[0].replace("", "-1").astype("int64")
    if made_up:
        frame = frame.sort_values(["start", "datakey"], kind="stable", ignore_index=True)
        frame["stop"] = frame["start"].shift(-1).fillna(frame["start"])
    return frame.sort_values(["start", "stop", "datakey"], kind="stable", ignore_index=True)


def request_cloud_catalog(folder, bucket, id, start_date=None, stop_date=None, rows={}):
    """The answer for a bucket that lies below a folder. `rows` keeps what was read for further questions."""
    if (folder, id) not in rows:
        catalog = json.loads((Path(folder) / bucket / "catalog.json").read_bytes())
        entry, = [entry for entry in catalog["catalog"] if entry["id"] == id]
        rows[folder, id] = rows_of(folder, entry)
    frame = rows[folder, id]
    if start_date is not None:
        frame = frame[frame["stop"] >= pd.Timestamp(start_date)]
    if stop_date is not None:
        frame = frame[frame["start"] < pd.Timestamp(stop_date)]
    return frame.reset_index(drop=True)
