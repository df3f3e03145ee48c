# The original document's walk-through, step by step, as its users have it in their scripts.
from heliodex import CatalogRegistry, FileRegistry

cr = CatalogRegistry()
print(cr.get_catalog())
print(cr.get_entries())

bucket_name = "a-bucket-name"
fr = FileRegistry(bucket_name, cache_folder=None, cache=True)
print(fr.get_catalog())
print(fr.get_entries())

fr_id = "an_id_from_data_registry_catalog"
start_date = "2007-02-01T00:00:00Z"
end_date = None
file_registry = fr.request_file_registry(fr_id, start_date=start_date, end_date=end_date, overwrite=False)
print(list(file_registry.columns), len(file_registry))

import os

import boto3
from botocore.client import Config

s3_client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"],
                         config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
for key in file_registry["key"]:
    key = key[5:]
    bucket_name, key = key.split("/", 1)

    response = s3_client.get_object(Bucket=bucket_name, Key=key)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if "Body" in response and status == 200:
        file = response["Body"].read()
        print("got", key, len(file))
    else:
        print(f"Error geting: {bucket_name} {key}")
