"""Drives the sandbox's control plane with Alibaba Cloud's own SDK: alibaba_control_sdk.py TABLE ENDPOINT

TABLE is a file with the [cloud.alibaba] table that the sandbox printed, ENDPOINT its SCIM side.
"""

import json
import sys
import tomllib
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import alibabacloud_cloudsso20210515.models as sso
from alibabacloud_cloudsso20210515.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException

with open(sys.argv[1], "rb") as file:
    table = tomllib.load(file)["cloud"]["alibaba"]
endpoint = sys.argv[2]
DIRECTORY = table["directory_id"]


def secret(name):
    with open(table[name]["file"], encoding="utf-8") as file:
        return file.read().strip()


def client(key):
    return Client(
        Config(
            access_key_id=secret("access_key"),
            access_key_secret=key,
            endpoint=urlsplit(table["endpoint"]).netloc,
            protocol="HTTP",
        )
    )


KEY = secret("secret_key")
at = client(KEY)


def refused(status, code, operation, *request):
    try:
        answer = operation(*request)
    except DaraException as error:
        found = (error.statusCode, error.code)
        assert found == (status, code), (found, error.message)
        assert error.data["RequestId"] and error.data["HostId"] and error.data["Recommend"], error.data
    else:
        raise AssertionError(f"{code} was expected: {answer.body}")


def scim(token, method="GET", body=None):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    request = Request(endpoint + "Users", method=method, headers=headers, data=body and json.dumps(body).encode())
    try:
        with urlopen(request) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def synchronization():
    ask = sso.GetSCIMSynchronizationStatusRequest(directory_id=DIRECTORY)

    def set_to(status):
        at.set_scimsynchronization_status(
            sso.SetSCIMSynchronizationStatusRequest(directory_id=DIRECTORY, scimsynchronization_status=status)
        )
        return at.get_scimsynchronization_status(ask).body.scimsynchronization_status

    assert at.get_scimsynchronization_status(ask).body.scimsynchronization_status == "Disabled"
    assert [set_to(to) for to in ("Enabled", None, "Disabled", "Enabled")] == ["Enabled", "Enabled", "Disabled", "Enabled"]
    other = sso.GetSCIMSynchronizationStatusRequest(directory_id="d-other")
    refused(404, "EntityNotExists.Directory", at.get_scimsynchronization_status, other)
    refused(400, "SignatureDoesNotMatch", client(KEY[:-1] + "x").get_scimsynchronization_status, ask)


def credentials():
    create = sso.CreateSCIMServerCredentialRequest(directory_id=DIRECTORY)
    first = at.create_scimserver_credential(create).body.scimserver_credential
    second = at.create_scimserver_credential(create).body.scimserver_credential
    assert (first.credential_type, first.status, first.directory_id) == ("BearerToken", "Enabled", DIRECTORY), first
    assert first.create_time.endswith("Z") and first.expire_time > first.create_time, first
    refused(400, "LimitExceeded.SCIMCredential", at.create_scimserver_credential, create)
    listed = at.list_scimserver_credentials(sso.ListSCIMServerCredentialsRequest(directory_id=DIRECTORY)).body
    assert listed.total_counts == 2, listed
    assert [item.credential_id for item in listed.scimserver_credentials] == [first.credential_id, second.credential_id]
    assert scim(first.credential_secret) == 200

    def update(status):
        request = sso.UpdateSCIMServerCredentialStatusRequest(
            directory_id=DIRECTORY, credential_id=first.credential_id, new_status=status
        )
        return at.update_scimserver_credential_status(request).body.scimserver_credential.status

    assert (update("Disabled"), scim(first.credential_secret)) == ("Disabled", 401)
    assert (update("Enabled"), scim(first.credential_secret)) == ("Enabled", 200)
    delete = sso.DeleteSCIMServerCredentialRequest(directory_id=DIRECTORY, credential_id=first.credential_id)
    assert at.delete_scimserver_credential(delete).body.request_id
    refused(404, "EntityNotExists.SCIMCredential", at.delete_scimserver_credential, delete)
    assert scim(first.credential_secret) == 401
    return second.credential_secret


def people(token):
    for number in range(12):
        person = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": f"clerk-{number:02}",
            "externalId": f"anchor {number}*~",
            "displayName": "Zoë O'Neil",
            "name": {"givenName": "Zoë", "familyName": "O'Neil"},
            "emails": [{"value": f"clerk-{number:02}@example.com", "type": "work", "primary": True}],
            "active": True,
        }
        assert scim(token, "POST", person) == 201
    listed = at.list_users(sso.ListUsersRequest(directory_id=DIRECTORY)).body
    assert (len(listed.users), listed.total_counts, listed.is_truncated) == (10, 12, True), listed
    listed = at.list_users(sso.ListUsersRequest(directory_id=DIRECTORY, next_token=listed.next_token)).body
    assert (len(listed.users), listed.is_truncated) == (2, False), listed
    found = at.list_users(sso.ListUsersRequest(directory_id=DIRECTORY, filter="UserName sw clerk-0", max_results=100))
    assert len(found.body.users) == 10, found
    found = at.list_users(sso.ListUsersRequest(directory_id=DIRECTORY, filter="UserName eq CLERK-11")).body.users[0]
    assert (found.user_name, found.display_name, found.provision_type) == ("clerk-11", "Zoë O'Neil", "Synchronized")
    assert (found.external_id.id, found.external_id.issuer) == ("anchor 11*~", "SCIM"), found
    who = sso.GetUserIdRequestExternalId(id="anchor 11*~", issuer="SCIM")
    assert at.get_user_id(sso.GetUserIdRequest(directory_id=DIRECTORY, external_id=who)).body.user_id == found.user_id
    who = sso.GetUserIdRequestExternalId(id="nobody", issuer="SCIM")
    refused(404, "EntityNotExists.User", at.get_user_id, sso.GetUserIdRequest(directory_id=DIRECTORY, external_id=who))
    counted = at.get_directory_statistics(sso.GetDirectoryStatisticsRequest(directory_id=DIRECTORY))
    counted = counted.body.directory_statistics
    assert (counted.user_count, counted.scimserver_credential_count, counted.scimsync_enabled) == (12, 1, True), counted
    found = at.list_directories().body
    assert (found.total_counts, found.directories[0].directory_id) == (1, DIRECTORY), found


synchronization()
people(credentials())
print("all as the SDK expects")
