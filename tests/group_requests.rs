//! The requests about groups: against every cloud of the sandbox, each of them failing in turn, and against
//! servers that are not ours.
#![cfg(test)]

mod support;

use std::{collections::BTreeSet, io::Write, ops::Deref, sync::Arc, time::Duration};

use scimward::{
    model::{Pushed, Resource, ResourceId},
    ports::{Created, GroupPayload, GroupProvider, MemberChange, Payload, ProviderError, ServiceProvider, Unwatched},
    profile::Profile,
    sandbox::{FaultPlan, Kind, Options, Sandbox, What},
    scim::{
        ScimClient,
        settings::{Adopt, ScimSettings},
    },
    secret::SecretSource,
};
use secrecy::SecretString;
use serde_json::json;
use support::scim_servers::{self, ScimServer, TOKEN};
use tokio_util::sync::CancellationToken;

/// A client, and the file with its token.
struct Client {
    client: ScimClient,
    _token: tempfile::NamedTempFile,
}

impl Client {
    fn new(endpoint: &str, profile: &str) -> Self {
        let mut token = tempfile::NamedTempFile::new().unwrap();
        token.write_all(TOKEN.as_bytes()).unwrap();
        let settings = ScimSettings {
            endpoint: endpoint.to_owned(),
            token: SecretSource::File(token.path().to_owned()),
            ca_file: None,
            allow_plaintext: false,
            rate_per_s: 0.0,
            concurrency: 1,
            adopt: Adopt::Ours,
            request_timeout: Duration::from_secs(30),
            max_tries: 3,
            max_elapsed: Duration::from_secs(20),
        };
        let rules = Arc::new(Profile::named(profile).unwrap());
        let client = ScimClient::new(settings, rules, Arc::new(Unwatched), CancellationToken::new()).unwrap();
        Self { client, _token: token }
    }

    async fn person(&self, name: &str) -> ResourceId {
        let resource = resource(&json!({
            "userName": name,
            "externalId": name,
            "displayName": name,
            "name.familyName": name,
            "name.givenName": name,
            "active": true,
            "emails": [{"value": format!("{name}@example.org"), "type": "work", "primary": true}],
        }));
        let payload = Payload {
            external_id: name.into(),
            pushed: Pushed {
                resource,
                manager: None,
            },
            manager_id: None,
        };
        id_of(self.client.create(&payload, false, &nobody).await.unwrap())
    }

    async fn group(&self, name: &str) -> ResourceId {
        id_of(self.client.create_group(&group(name), false, &nobody).await.unwrap())
    }

    async fn change(&self, id: &ResourceId, add: &[&ResourceId], remove: &[&ResourceId]) -> Result<(), ProviderError> {
        let ids = |ids: &[&ResourceId]| ids.iter().copied().cloned().collect();
        let change = MemberChange {
            add: ids(add),
            remove: ids(remove),
        };
        self.client.change_members(id, &change).await
    }
}

/// A cloud of the sandbox and a client of it.
struct Bench {
    sandbox: Sandbox,
    client: Client,
    profile: &'static str,
}

impl Deref for Bench {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Bench {
    async fn new(profile: &'static str, faults: &[String]) -> Self {
        let options = Options {
            faults: FaultPlan::parse(faults, 0).unwrap(),
            ..Options::new(profile, SecretString::from(TOKEN))
        };
        let sandbox = Sandbox::start(options).await.unwrap();
        Self {
            client: Client::new(sandbox.url(), profile),
            sandbox,
            profile,
        }
    }

    /// Who is in the group, as the cloud itself knows.
    fn members(&self, id: &ResourceId) -> BTreeSet<ResourceId> {
        self.sandbox.look(|cloud| {
            let group = cloud.get(Kind::Group, &id.0).unwrap();
            group.members.keys().cloned().map(ResourceId).collect()
        })
    }

    fn created_groups(&self) -> usize {
        let is_new = |kind, what| kind == Kind::Group && what == What::Created;
        self.sandbox.look(|cloud| {
            cloud
                .history()
                .iter()
                .filter(|change| is_new(change.kind, change.what))
                .count()
        })
    }
}

fn nobody(_: &ResourceId) -> bool {
    false
}

fn id_of(created: Created) -> ResourceId {
    match created {
        Created::New(id) | Created::Adopted(id) | Created::AdoptedInUse(id) => id,
    }
}

fn resource(flat: &serde_json::Value) -> Resource {
    serde_json::from_value(flat.clone()).unwrap()
}

fn group(name: &str) -> GroupPayload {
    GroupPayload {
        external_id: format!("anchor-of-{name}"),
        resource: resource(&json!({"displayName": name, "externalId": format!("anchor-of-{name}")})),
    }
}

fn set(ids: &[&ResourceId]) -> BTreeSet<ResourceId> {
    ids.iter().copied().cloned().collect()
}

/// Everything that is done to groups, with the state of the cloud proved after each step.
async fn life(bench: &Bench) {
    let (ada, bob) = (bench.person("ada").await, bench.person("bob").await);
    let eve = bench.person("eve").await;
    let vpn = bench.group("vpn").await;
    let other = bench.group("other").await;
    assert_ne!(vpn, other);

    assert_eq!(bench.change(&vpn, &[&ada, &bob], &[]).await, Ok(()));
    assert_eq!(bench.members(&vpn), set(&[&ada, &bob]));
    assert_eq!(bench.change(&vpn, &[&eve], &[&ada]).await, Ok(()));
    assert_eq!(bench.members(&vpn), set(&[&bob, &eve]));
    // Somebody who is in already, somebody who is out already.
    assert_eq!(bench.change(&vpn, &[&eve], &[&ada]).await, Ok(()));
    assert_eq!(bench.members(&vpn), set(&[&bob, &eve]));

    let told = bench.client.client.members(&vpn).await.unwrap();
    let readable = !matches!(bench.profile, "huawei" | "aws");
    assert_eq!(
        told.map(|ids| ids.into_iter().collect()),
        readable.then(|| set(&[&bob, &eve]))
    );

    let renamed = GroupPayload {
        resource: resource(&json!({"displayName": "vpn-2", "externalId": "anchor-of-vpn"})),
        ..group("vpn")
    };
    assert_eq!(
        bench
            .client
            .client
            .update_group(&vpn, &group("vpn").resource, &renamed)
            .await,
        Ok(())
    );
    assert_eq!(bench.members(&vpn), set(&[&bob, &eve]), "a rename touches nobody");
    let again = bench.client.client.create_group(&renamed, true, &nobody).await;
    assert_eq!(again, Ok(Created::Adopted(vpn.clone())));
    assert_eq!(bench.members(&vpn), set(&[&bob, &eve]), "adoption touches nobody");

    let stranger = ResourceId("no-such-person".into());
    assert_eq!(bench.change(&vpn, &[&stranger], &[]).await, Err(ProviderError::Gone));
    assert_eq!(bench.client.client.has_person(&stranger).await, Ok(false));
    assert_eq!(bench.client.client.has_person(&eve).await, Ok(true));
    assert_eq!(bench.client.client.group_is_gone(&vpn, &renamed).await, Ok(false));

    let deleted = bench.client.client.delete_group(&other).await;
    // A lost answer makes the second try find nothing.
    assert!(matches!(deleted, Ok(()) | Err(ProviderError::Gone)), "{deleted:?}");
    assert_eq!(bench.client.client.delete_group(&other).await, Err(ProviderError::Gone));
    assert_eq!(
        bench.client.client.group_is_gone(&other, &group("other")).await,
        Ok(true)
    );
    assert_eq!(bench.created_groups(), 2, "no group was made twice");
    assert_eq!(bench.sandbox.look(|cloud| cloud.groups().count()), 1);
}

#[tokio::test]
async fn every_request_about_groups_may_fail() {
    for profile in Profile::NAMES {
        let calm = Bench::new(profile, &[]).await;
        life(&calm).await;
        let requests = calm.sandbox.requests();
        assert!(requests > 15, "{profile}: {requests}");
        for number in 4..=requests {
            for fault in [
                "status=429,retry-after=0",
                "status=503,retry-after=0",
                "status=503,retry-after=0,after-effect",
            ] {
                let bench = Bench::new(profile, &[format!("{fault},nth={number}")]).await;
                life(&bench).await;
            }
        }
    }
}

#[tokio::test]
async fn a_lost_connection_makes_one_group() {
    for profile in Profile::NAMES {
        for fault in ["reset=after", "truncate"] {
            let bench = Bench::new(profile, &[format!("{fault},method=POST,path=/Groups,nth=1")]).await;
            let made = bench.client.client.create_group(&group("vpn"), false, &nobody).await;
            assert!(matches!(made, Ok(Created::Adopted(_))), "{profile} {fault}: {made:?}");
            assert_eq!(bench.created_groups(), 1);
        }
    }
}

#[tokio::test]
async fn a_chunk_of_the_largest_size_is_taken() {
    for profile in ["huawei", "aws"] {
        let bench = Bench::new(profile, &[]).await;
        let vpn = bench.group("vpn").await;
        let mut people = Vec::new();
        for number in 0..bench.client.client.member_chunk() {
            people.push(bench.person(&format!("p{number}")).await);
        }
        let all: Vec<&ResourceId> = people.iter().collect();
        assert_eq!(bench.change(&vpn, &all, &[]).await, Ok(()));
        assert_eq!(bench.members(&vpn).len(), 100);
        assert_eq!(bench.change(&vpn, &[], &all).await, Ok(()));
        assert_eq!(bench.members(&vpn), BTreeSet::new());
    }
}

#[tokio::test]
async fn servers_that_are_not_ours_take_the_same_requests() {
    for kind in scim_servers::Kind::ALL {
        let server = ScimServer::start(kind);
        let bench = Client::new(&server.url(), "generic");
        let client = &bench.client;
        let members = async |id: &ResourceId| {
            let told = client.members(id).await.unwrap().unwrap();
            told.into_iter().collect::<BTreeSet<_>>()
        };
        let (ada, bob) = (bench.person("ada").await, bench.person("bob").await);
        let eve = bench.person("eve").await;
        let vpn = bench.group("vpn (old) & co").await;
        assert_eq!(members(&vpn).await, set(&[]), "{kind:?}");
        assert_eq!(bench.change(&vpn, &[&ada, &bob], &[]).await, Ok(()), "{kind:?}");
        assert_eq!(members(&vpn).await, set(&[&ada, &bob]), "{kind:?}");
        assert_eq!(bench.change(&vpn, &[&eve], &[&ada]).await, Ok(()), "{kind:?}");
        assert_eq!(
            bench.change(&vpn, &[&eve], &[&ada]).await,
            Ok(()),
            "{kind:?}: once more"
        );
        assert_eq!(members(&vpn).await, set(&[&bob, &eve]), "{kind:?}");

        let old = group("vpn (old) & co");
        let renamed = GroupPayload {
            resource: resource(&json!({"displayName": "vpn", "externalId": old.external_id})),
            ..old.clone()
        };
        let updated = client.update_group(&vpn, &old.resource, &renamed).await;
        assert_eq!(updated, Ok(()), "{kind:?}");
        let again = client.create_group(&renamed, true, &nobody).await;
        assert_eq!(again, Ok(Created::Adopted(vpn.clone())), "{kind:?}");
        assert_eq!(members(&vpn).await, set(&[&bob, &eve]), "{kind:?}");

        assert_eq!(bench.change(&vpn, &[], &[&bob, &eve]).await, Ok(()), "{kind:?}");
        assert_eq!(members(&vpn).await, set(&[]), "{kind:?}");
        assert_eq!(client.group_is_gone(&vpn, &renamed).await, Ok(false), "{kind:?}");
        assert_eq!(client.delete_group(&vpn).await, Ok(()), "{kind:?}");
        assert_eq!(client.delete_group(&vpn).await, Err(ProviderError::Gone), "{kind:?}");
        assert_eq!(client.group_is_gone(&vpn, &renamed).await, Ok(true), "{kind:?}");
        assert_eq!(client.has_person(&ada).await, Ok(true), "{kind:?}");
        let nobody = ResourceId("no-such-person".into());
        assert_eq!(client.has_person(&nobody).await, Ok(false), "{kind:?}");
    }
}
