"""The table of layers: the real tree keeps it, and the check finds what breaks it."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import check_layers  # noqa: E402


def test_includes_only_go_down():
    assert check_layers.check(ROOT / "src") == []


def tree(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return check_layers.check(tmp_path)


def test_breaches_are_found(tmp_path):
    findings = tree(tmp_path, {
        "heliodex.h": "#include <stddef.h>\n",
        "base/text.h": '#include "heliodex.h"\n',
        "base/up.c": '\n#include "parse/csv.h"\n',
        "parse/csv.h": '#include "base/text.h"\n',
        "parse/a.cpp": "#include <simdjson.h>\n",
        "parse/b.cpp": "#  include <simdjson/dom.h>\n",
        "cli/main.c": '#include "heliodex.h"\n#include "base/text.h"\n',
        "job/net.c": "#include <curl/curl.h>\n#include <uv.h>\n",
        "job/lost.c": '#include "job/nowhere.h"\n',
        "extra/odd.c": "",
        "python/heliodex/fast.c": "",
        "python/heliodex/rows.py": "import ctypes\nimport requests.sessions\nfrom numpy import array\nfrom . import boto3\n",
    })
    assert [f for f in findings if f.startswith("base/up.c:2:")]
    assert [f for f in findings if f.startswith("cli/main.c:2:")]
    assert [f for f in findings if f.startswith("job/net.c:1:") and "transfer" in f]
    assert [f for f in findings if f.startswith("job/lost.c:1:") and "no path" in f]
    assert [f for f in findings if f.startswith("extra/odd.c:")]
    assert [f for f in findings if f.startswith("simdjson") and "2 files" in f]
    assert [f for f in findings if f.startswith("python/heliodex/fast.c:")]
    assert [f for f in findings if f.startswith("python/heliodex/rows.py:2:") and "requests" in f]
    assert len(findings) == 8


def test_what_is_allowed_passes(tmp_path):
    assert tree(tmp_path, {
        "heliodex.h": "",
        "base/text.h": '#include "heliodex.h"\n',
        "codec/zstd.c": "#include <zstd.h>\n#include <zstd_errors.h>\n",
        "transfer/loop.c": '#include <uv.h>\n#include <curl/curl.h>\n#include "base/text.h"\n',
        "job/index.c": '#include "transfer/loop.h"\n#include <uv.h>\n',
        "transfer/loop.h": "",
        "cli/main.c": '#include "cli/options.h"\n#include "heliodex.h"\n',
        "cli/options.h": "",
    }) == []
