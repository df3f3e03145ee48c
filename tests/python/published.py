"""Registries and catalogs that tests publish on a scripted origin, as path-style S3."""

import json


def entry(name, region="us-east-1", endpoint=None, **more):
    return {"endpoint": endpoint or f"s3://{name.lower().replace(' ', '-')}/", "name": name, "region": region, **more}


def dataset(identifier, bucket, **members):
    """An entry of a catalog; members of None are left out."""
    whole = {"id": identifier, "index": f"s3://{bucket}/i/", "title": f"The {identifier}",
             "start": "2001-01-01T00:00:00Z", "stop": "2003-06-01T00:00:00Z", **members}
    return {name: value for name, value in whole.items() if value is not None}


def publish(origin, path, document):
    """Puts a document; returns its URL."""
    origin.put(path, document if isinstance(document, bytes) else json.dumps(document).encode())
    return origin.url + path


def publish_registry(origin, entries):
    return publish(origin, "/registry.json", {"CloudCatalog": "1.0", "registry": entries})


def publish_catalog(origin, bucket, entries, **members):
    catalog = {"Cloudy": "1.0", "status": {"code": 1200, "message": "OK"}, "catalog": entries, **members}
    publish(origin, f"/{bucket}/catalog.json", catalog)
    return catalog


def asked(origin):
    """(path, status) of all requests since the last time."""
    requests = [(request.path, request.status) for request in origin.requests()]
    origin.clear()
    return requests
