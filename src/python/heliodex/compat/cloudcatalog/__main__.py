"""python -m heliodex.compat.cloudcatalog tree|spider"""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional

from ...errors import HeliodexError
from ...settings import flag
from .cloudspider import spider, tree


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m heliodex.compat.cloudcatalog",
        description="What there is in the buckets of a registry. The environment has settings as heliodex does "
                    "(HELIODEX_ENDPOINT_URL, HELIODEX_STORE, AWS_PROFILE ...).")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, text in (("tree", "groups of datasets"), ("spider", "numbers of files by dataset and year")):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--catalog_url", metavar="URL", help="URL or path of the registry")
        verb.add_argument("--collection", metavar="NAME", help="only datasets of this collection")
    verbs.choices["spider"].add_argument("--create_manifest", nargs="?", const=True, default=False, type=flag,
                                         metavar="True|False", help="list all files in manifest_spider.txt, too")
    return parser


def main(arguments: Optional[List[str]] = None) -> int:
    given = _parser().parse_args(arguments)
    try:
        if given.verb == "tree":
            tree(given.catalog_url, collection=given.collection)
        else:
            items, last = tree(given.catalog_url, returnvars=True, collection=given.collection) or ([], None)
            spider(items, last, create_manifest=given.create_manifest)
    except HeliodexError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
