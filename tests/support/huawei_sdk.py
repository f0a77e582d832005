"""Drives the sandbox with the vendor's own SDK: huawei_sdk.py ENDPOINT TOKEN-FILE

Every assertion is about what the SDK made of the answer: a field the sandbox names wrongly is None here.
"""

import sys
from urllib.parse import urlsplit

import huaweicloudsdkidentitycenterscim.v1 as sdk
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkidentitycenterscim.v1.identitycenterscim_credentials import (
    IdentityCenterSCIMCredentials,
)

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
NOBODY = "00000000-0000-4000-8000-000000000000"
# What one list answers at most; there is no second page.
CAP = 50

endpoint = urlsplit(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    bearer = "Bearer " + file.read().strip()
tenant = endpoint.path.split("/")[1]
# The SDK adds /{tenant_id}/scim/v2 by itself.
client = (
    sdk.IdentityCenterSCIMClient.new_builder()
    .with_http_config(HttpConfig.get_default_config())
    .with_credentials(IdentityCenterSCIMCredentials())
    .with_endpoint(f"{endpoint.scheme}://{endpoint.netloc}")
    .build()
)


def call(operation, request, **fields):
    """One operation of the SDK, in the right tenant and with the right token unless told otherwise."""
    fields = {"authorization": bearer, "tenant_id": tenant, **fields}
    return operation(request(**fields))


def refused(status, operation, request, **fields):
    """The operation answers this error, in the shape this cloud has for errors."""
    try:
        answer = call(operation, request, **fields)
    except ServiceResponseException as error:
        assert error.status_code == status, f"{status} was expected: {error}"
        # The SDK finds none of its own fields in the body and hands it on as it is.
        for part in ('"schema":"' + ERROR, '"schemas":["' + ERROR, f'"status":{status},', '"timeStamp":"'):
            assert part in error.error_msg, f"{part} is not in {error.error_msg}"
        assert "scimType" not in error.error_msg, error.error_msg
    else:
        raise AssertionError(f"{status} was expected: {answer}")


def email(address, primary=True):
    return sdk.EmailItemDto(value=address, type="work", primary=primary)


def user(uid, /, body=sdk.CreateUserReqBody, **fields):
    """The least a user needs here, and these fields."""
    least = {
        "schemas": [USER],
        "user_name": uid,
        "display_name": uid.title(),
        "name": sdk.NameDto(family_name="Lovelace", given_name=uid.title()),
        "emails": [email(f"{uid}@example.com")],
    }
    return body(**{**least, **fields})


def create(uid, /, **fields):
    return call(client.create_user, sdk.CreateUserRequest, body=user(uid, **fields))


def change(*operations):
    items = [sdk.OperationItemDto(**operation) for operation in operations]
    return {"schemas": [PATCH], "operations": items}


def users():
    boss = create("grace")
    assert boss.status_code == 201 and boss.id, boss
    ada = create(
        "ada",
        schemas=[USER, ENTERPRISE],
        external_id="anchor-of-ada",
        title="Analyst",
        active=True,
        phone_numbers=[sdk.PhoneNumberItemDto(value="+44 20 1234", type="work", primary=True)],
        addresses=[sdk.AddressItemDto(country="GB", locality="London", type="work", primary=True)],
        urnietfparamsscimschemasextensionenterprise2_0_user=sdk.EnterpriseDto(
            department="Engines", employee_number="1815", manager=sdk.ManagerDto(value=boss.id)
        ),
    )
    assert ada.meta.resource_type == "User" and ada.meta.created and ada.meta.last_modified, ada

    got = call(client.get_user, sdk.GetUserRequest, user_id=ada.id)
    assert got.status_code == 200, got
    assert (got.user_name, got.external_id, got.title, got.active) == ("ada", "anchor-of-ada", "Analyst", True), got
    assert (got.name.given_name, got.emails[0].value, got.emails[0].primary) == ("Ada", "ada@example.com", True), got
    assert (got.phone_numbers[0].value, got.addresses[0].country) == ("+44 20 1234", "GB"), got
    enterprise = got.urnietfparamsscimschemasextensionenterprise2_0_user
    assert (enterprise.department, enterprise.manager.value) == ("Engines", boss.id), got

    patched = call(
        client.patch_user,
        sdk.PatchUserRequest,
        user_id=ada.id,
        body=sdk.PatchUserReqBody(**change({"op": "replace", "path": "active", "value": False})),
    )
    assert (patched.status_code, patched.active, patched.title) == (200, False, "Analyst"), patched
    # What a PUT leaves out is gone; a name may change.
    body = user("countess", body=sdk.UpdateUserReqBody, id=ada.id)
    put = call(client.put_user, sdk.PutUserRequest, user_id=ada.id, body=body)
    assert (put.status_code, put.user_name, put.title) == (200, "countess", None), put

    listed = call(client.list_users, sdk.ListUsersRequest)
    assert (listed.status_code, listed.schemas, listed.total_results) == (200, [LIST], 2), listed
    # Numbers as texts: for users both, for groups one.
    assert (listed.items_per_page, listed.start_index) == ("2", "1"), listed
    assert sorted(item.user_name for item in listed.resources) == ["countess", "grace"], listed
    return boss, ada


def groups(boss, ada):
    member = sdk.MemberItemDto(value=ada.id, type="User")
    body = sdk.CreateGroupReqBody(schemas=[GROUP], display_name="engines", members=[member])
    group = call(client.create_group, sdk.CreateGroupRequest, body=body)
    assert (group.status_code, group.display_name, group.meta.resource_type) == (201, "engines", "Group"), group
    for operation in (
        {"op": "add", "path": "members", "value": [{"value": boss.id}]},
        {"op": "remove", "path": f'members[value eq "{ada.id}"]'},
        {"op": "replace", "path": "displayName", "value": "looms"},
    ):
        body = sdk.PatchGroupReqBody(**change(operation))
        patched = call(client.patch_group, sdk.PatchGroupRequest, group_id=group.id, body=body)
        assert patched.status_code == 204, patched
    got = call(client.get_group, sdk.GetGroupRequest, group_id=group.id)
    # Members are never returned.
    assert (got.status_code, got.display_name, got.members) == (200, "looms", []), got
    listed = call(client.list_groups, sdk.ListGroupsRequest)
    assert (listed.status_code, listed.total_results, listed.resources[0].members) == (200, 1, []), listed
    assert (listed.items_per_page, listed.start_index) == (1, "1"), listed

    again = sdk.CreateGroupReqBody(schemas=[GROUP], display_name="looms")
    refused(409, client.create_group, sdk.CreateGroupRequest, body=again)
    crowd = [{"value": ada.id}] * 101
    body = sdk.PatchGroupReqBody(**change({"op": "add", "path": "members", "value": crowd}))
    refused(400, client.patch_group, sdk.PatchGroupRequest, group_id=group.id, body=body)
    refused(404, client.get_group, sdk.GetGroupRequest, group_id=NOBODY)
    assert call(client.delete_group, sdk.DeleteGroupRequest, group_id=group.id).status_code == 204
    refused(404, client.delete_group, sdk.DeleteGroupRequest, group_id=group.id)


def user_errors(boss, ada):
    for fields in (
        {"display_name": ""},
        {"emails": []},
        {"emails": [email("a@example.com"), email("b@example.com")]},
        {"emails": [email("a@example.com", primary=False)]},
        {"title": "x" * 1025},
        {"name": sdk.NameDto(given_name="Only")},
        {"schemas": [ENTERPRISE]},
    ):
        refused(400, client.create_user, sdk.CreateUserRequest, body=user("bad", **fields))
    refused(400, client.create_user, sdk.CreateUserRequest, body=user("not allowed!"))
    body = sdk.PatchUserReqBody(**change({"op": "remove", "path": "userName"}))
    refused(400, client.patch_user, sdk.PatchUserRequest, user_id=ada.id, body=body)

    refused(409, client.create_user, sdk.CreateUserRequest, body=user("grace"))
    body = user("grace", body=sdk.UpdateUserReqBody)
    refused(409, client.put_user, sdk.PutUserRequest, user_id=ada.id, body=body)

    refused(401, client.list_users, sdk.ListUsersRequest, authorization="Bearer of-somebody-else")
    refused(401, client.create_user, sdk.CreateUserRequest, authorization="Basic abc", body=user("bad"))

    assert call(client.delete_user, sdk.DeleteUserRequest, user_id=ada.id).status_code == 204
    refused(404, client.delete_user, sdk.DeleteUserRequest, user_id=ada.id)
    refused(404, client.get_user, sdk.GetUserRequest, user_id=ada.id)
    body = user("ada", body=sdk.UpdateUserReqBody)
    refused(404, client.put_user, sdk.PutUserRequest, user_id=ada.id, body=body)
    # A token is worth nothing in another tenant.
    refused(401, client.get_user, sdk.GetUserRequest, user_id=boss.id, tenant_id=NOBODY)


def the_cap():
    """Whoever comes last cannot be listed, only asked for."""
    made = [create(f"clerk-{number:03}") for number in range(CAP)]
    listed = call(client.list_users, sdk.ListUsersRequest)
    assert len(listed.resources) == CAP, len(listed.resources)
    shown = {item.id for item in listed.resources}
    hidden = [item for item in made if item.id not in shown]
    assert len(hidden) == 1, hidden
    assert call(client.get_user, sdk.GetUserRequest, user_id=hidden[0].id).user_name == hidden[0].user_name


def provider_config():
    config = call(client.service_provider_config, sdk.ServiceProviderConfigRequest)
    assert (config.status_code, config.patch.supported, config.bulk.supported) == (200, True, False), config
    assert (config.filter.supported, config.filter.max_results) == (True, CAP), config
    assert config.authentication_schemes[0].type == "Bearer Token", config


boss, ada = users()
groups(boss, ada)
user_errors(boss, ada)
the_cap()
provider_config()
print("all as the SDK expects")
