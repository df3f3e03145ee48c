# Today's walk-through, step by step, with the module's name in place of the client's.
import heliodex.compat.cloudcatalog as cloudcatalog

cr = cloudcatalog.CatalogRegistry()
print(cr.get_catalog())
print(cr.get_entries())

bucket_name = cr.get_endpoint("A bucket of tests")
fr = cloudcatalog.CloudCatalog(bucket_name)
print(fr.get_catalog())
print(fr.get_entries_id_title())

fr_id = "an_id_from_data_registry_catalog"
start_date = "2007-02-01T00:00:00Z"
end_date = None
myfiles = fr.request_cloud_catalog(fr_id, start_date=start_date, end_date=end_date, overwrite=False)
print(list(myfiles.columns), len(myfiles))

search = cloudcatalog.EntireCatalogSearch()
top_search_result = search.search_by_keywords(["vector", "mission", "useful"])[0]
print(top_search_result)

start, stop = fr.get_entry(fr_id)["start"], fr.get_entry(fr_id)["stop"]
everything = fr.request_cloud_catalog(fr_id, start, stop)
print(len(everything))

cloudcatalog.CloudCatalog.stream(
    myfiles, lambda bfile, startdate, stopdate, filesize: print("got", startdate, len(bfile.read()), filesize))
for key in myfiles["datakey"]:
    print(cloudcatalog.CloudCatalog.ls_wildcard(myfiles, key) == [key])
