"""Drives the sandbox's control plane with Huawei Cloud's own SDKs: huawei_control_sdk.py TABLE

TABLE is a file with the [cloud.huawei] table that the sandbox printed. Every assertion is about what the
SDK made of the answer: a field the sandbox names wrongly is None here.
"""

import sys
import tomllib
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import huaweicloudsdkiam.v3 as iam
import huaweicloudsdkidentitycenter.v1 as center
import huaweicloudsdkidentitycenterstore.v1 as store
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException

with open(sys.argv[1], "rb") as file:
    table = tomllib.load(file)["cloud"]["huawei"]


def secret(name):
    with open(table[name]["file"], encoding="utf-8") as file:
        return file.read().strip()


AK, SK = secret("access_key"), secret("secret_key")
STORE = table["identity_store_id"]


def client(kind, endpoint, credentials, key=SK):
    credentials = credentials(AK, key)
    # The SDK would ask IAM for these ids otherwise.
    if isinstance(credentials, GlobalCredentials):
        credentials.domain_id = "d78cbac186b744899480f25bd022f468"
    else:
        credentials.project_id = "0123456789abcdef0123456789abcdef"
    return kind.new_builder().with_credentials(credentials).with_endpoint(table["endpoints"][endpoint]).build()


def refused(status, code, operation, request):
    """The operation answers this error, and the SDK finds code, text and request id in it."""
    try:
        answer = operation(request)
    except ServiceResponseException as error:
        assert (error.status_code, error.error_code) == (status, code), error
        assert error.error_msg and error.request_id, error
    else:
        raise AssertionError(f"{status} was expected: {answer}")


def scim(endpoint, token):
    """The status of a request to the SCIM side."""
    try:
        with urlopen(Request(endpoint + "Users", headers={"Authorization": "Bearer " + token})) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def instances():
    client_ = client(center.IdentityCenterClient, "identitycenter", GlobalCredentials)
    seen, marker = [], None
    while True:
        page = client_.list_instances(center.ListInstancesRequest(limit=2, marker=marker))
        assert page.page_info.current_count == len(page.instances), page
        seen += page.instances
        marker = page.page_info.next_marker
        if marker is None:
            break
    assert len(seen) == 3 and seen[0].identity_store_id == STORE, seen
    found = client_.list_identity_store_association(
        center.ListIdentityStoreAssociationRequest(instance_id=seen[0].instance_id)
    )
    found = found.identity_store_associations[0]
    assert (found.identity_store_id, found.status) == (STORE, "ENABLED"), found
    assert found.identity_store_type and found.authentication_type and found.provisioning_type, found


def tenant_and_tokens():
    at = client(store.IdentityCenterStoreClient, "identitystore", BasicCredentials)
    look = store.ListProvisioningTenantsRequest(identity_store_id=STORE)
    enable = store.CreateProvisioningTenantRequest(identity_store_id=STORE)
    assert at.list_provisioning_tenants(look).provisioning_tenants == []
    tenant = at.create_provisioning_tenant(enable)
    assert tenant.status_code == 201 and tenant.scim_endpoint.endswith("/scim/v2/"), tenant
    there = at.list_provisioning_tenants(look).provisioning_tenants
    assert [(t.tenant_id, t.scim_endpoint, t.creation_time) for t in there] == [
        (tenant.tenant_id, tenant.scim_endpoint, tenant.creation_time)
    ], there
    refused(409, "IIC.1006", at.create_provisioning_tenant, enable)

    of = {"identity_store_id": STORE, "tenant_id": tenant.tenant_id}
    create, listing = store.CreateBearerTokenRequest(**of), store.ListBearerTokensRequest(**of)
    assert at.list_bearer_tokens(listing).bearer_tokens == []
    first, second = at.create_bearer_token(create), at.create_bearer_token(create)
    assert first.status_code == 201 and first.token != second.token, first
    assert first.expiration_time > first.creation_time and first.expiration_time % 1000 == 0, first
    refused(400, "IIC.400", at.create_bearer_token, create)
    listed = at.list_bearer_tokens(listing).bearer_tokens
    assert [token.token_id for token in listed] == [first.token_id, second.token_id], listed
    assert (scim(tenant.scim_endpoint, first.token), scim(tenant.scim_endpoint, second.token)) == (200, 200)
    delete = store.DeleteBearerTokenRequest(**of, token_id=first.token_id)
    assert at.delete_bearer_token(delete).status_code == 200
    refused(404, "IIC.404", at.delete_bearer_token, delete)
    assert (scim(tenant.scim_endpoint, first.token), scim(tenant.scim_endpoint, second.token)) == (401, 200)
    summary = at.get_identity_store_summary(store.GetIdentityStoreSummaryRequest(identity_store_id=STORE))
    assert (summary.users, summary.groups) == (0, 0) and summary.users_quota and summary.groups_quota, summary
    refused(400, "IIC.400", at.list_provisioning_tenants, store.ListProvisioningTenantsRequest(identity_store_id="x"))

    wrong = client(store.IdentityCenterStoreClient, "identitystore", BasicCredentials, SK[:-1] + "x")
    refused(401, "APIGW.0301", wrong.list_provisioning_tenants, look)
    assert at.delete_provisioning_tenant(store.DeleteProvisioningTenantRequest(**of)).status_code == 200
    assert at.list_provisioning_tenants(look).provisioning_tenants == []
    assert scim(tenant.scim_endpoint, second.token) == 403


def federation():
    at = client(iam.IamClient, "iam", GlobalCredentials)

    def failed(status, operation, request):
        try:
            operation(request)
        except ServiceResponseException as error:
            assert error.status_code == status, error
        else:
            raise AssertionError(f"{status} was expected")

    put = iam.KeystoneCreateIdentityProviderRequest(
        id="acme",
        body=iam.KeystoneCreateIdentityProviderRequestBody(
            identity_provider=iam.IdentityproviderOption(
                sso_type="virtual_user_sso", description="Stores ACME identities.", enabled=True
            )
        ),
    )
    made = at.keystone_create_identity_provider(put)
    assert made.status_code == 201, made
    made = made.identity_provider
    assert (made.id, made.sso_type, made.enabled, made.remote_ids) == ("acme", "virtual_user_sso", True, []), made
    assert made.links._self and made.links.protocols, made
    failed(409, at.keystone_create_identity_provider, put)
    patch = iam.KeystoneUpdateIdentityProviderRequest(
        id="acme",
        body=iam.KeystoneUpdateIdentityProviderRequestBody(
            identity_provider=iam.UpdateIdentityproviderOption(enabled=False)
        ),
    )
    assert at.keystone_update_identity_provider(patch).identity_provider.enabled is False
    rules = [
        iam.MappingRules(
            local=[iam.RulesLocal(user=iam.RulesLocalUser(name="{0}"), group=iam.RulesLocalGroup(name="admin"))],
            remote=[iam.RulesRemote(type="UserName"), iam.RulesRemote(type="Groups", any_one_of=["ops"], regex=False)],
        )
    ]
    mapping = iam.KeystoneCreateMappingRequest(
        id="acme_mapping", body=iam.KeystoneCreateMappingRequestBody(mapping=iam.MappingOption(rules=rules))
    )
    assert at.keystone_create_mapping(mapping).mapping.rules[0].remote[1].any_one_of == ["ops"]
    protocol = iam.KeystoneCreateProtocolRequest(
        idp_id="acme",
        protocol_id="saml",
        body=iam.KeystoneCreateProtocolRequestBody(protocol=iam.ProtocolOption(mapping_id="acme_mapping")),
    )
    assert at.keystone_create_protocol(protocol).protocol.mapping_id == "acme_mapping"
    failed(409, at.keystone_create_protocol, protocol)
    listed = at.keystone_list_identity_providers(iam.KeystoneListIdentityProvidersRequest())
    assert [item.id for item in listed.identity_providers] == ["acme"] and listed.links._self, listed
    listed = at.keystone_list_protocols(iam.KeystoneListProtocolsRequest(idp_id="acme"))
    assert [item.id for item in listed.protocols] == ["saml"], listed
    listed = at.keystone_list_mappings(iam.KeystoneListMappingsRequest())
    assert [item.id for item in listed.mappings] == ["acme_mapping"], listed
    shown = at.keystone_show_identity_provider(iam.KeystoneShowIdentityProviderRequest(id="acme"))
    assert shown.identity_provider.description == "Stores ACME identities.", shown
    gone = iam.KeystoneDeleteProtocolRequest(idp_id="acme", protocol_id="saml")
    assert at.keystone_delete_protocol(gone).status_code == 204
    assert at.keystone_delete_mapping(iam.KeystoneDeleteMappingRequest(id="acme_mapping")).status_code == 204
    gone = iam.KeystoneDeleteIdentityProviderRequest(id="acme")
    assert at.keystone_delete_identity_provider(gone).status_code == 204
    failed(404, at.keystone_delete_identity_provider, gone)
    wrong = client(iam.IamClient, "iam", GlobalCredentials, SK[:-1] + "x")
    failed(401, wrong.keystone_list_identity_providers, iam.KeystoneListIdentityProvidersRequest())


instances()
tenant_and_tokens()
federation()
print("all as the SDKs expect")
