"""Has scim2-tester examine a server: examine.py ENDPOINT TOKEN-FILE

Prints `STATUS TITLE RESOURCE-TYPE: REASON` for each check.
"""

import sys

from httpx2 import Client
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import check_server

with open(sys.argv[2], encoding="utf-8") as file:
    headers = {"Authorization": "Bearer " + file.read().strip()}
# A slash at the end would be doubled.
http = Client(base_url=sys.argv[1].rstrip("/"), headers=headers)
for result in check_server(SyncSCIMClient(http)):
    reason = " ".join((result.reason or "").split())
    print(f"{result.status.name} {result.title} {result.resource_type or '-'}: {reason}")
