"""The figures of bench/run, by topic.

    report.py     a figure as a line of JSON: its goal, its peer, whether it is met; timing commands
    workbench.py  what figures measure on: made buckets, servers, stores
    peers.py      DuckDB and SQLite, where they can be had
    size.py       bytes a row
    codec.py      scanning, encoding and decoding on one core
    query.py      a day, a month, sums, opening
    network.py    indexing, refreshing, memory
    s3.py         signatures and lists
    mirror.py     mirroring objects
    downloaders.py    heliodex and its peers that download, as commands
"""
