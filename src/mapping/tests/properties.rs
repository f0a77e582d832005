use super::*;

/// Everything at once: each transform, form and target is in use.
const KITCHEN_SINK: &str = "
    preset = 'active-directory'
    anchor = 'entryUUID'
    [map]
    userName = { attribute = 'uid', transform = ['trim', 'lower', 'nfc', { truncate = 20 }] }
    active = { all_of = [
        { attribute = 'userAccountControl', transform = 'ad-enabled', default = true },
        { attribute = 'accountExpires', transform = 'ad-not-expired', default = true },
    ] }
    nickName = { template = \"{{ givenName|first }}{{ sn }} {{ values('mail')|join(',') }}\" }
    timezone = { attribute = 'whenCreated', transform = 'generalized-time' }
    locale = { attribute = 'pwdLastSet', transform = 'windows-filetime' }
    'emails.work' = { attribute = 'mail', all = true, transform = [{ split = ',' }, { regex = '^smtp:', replace = '' }] }
    'phoneNumbers.work' = { attribute = 'telephoneNumber', transform = 'phone' }
    'enterprise.costCenter' = { attribute = 'manager', transform = 'dn-rdn' }
    'addresses.work.formatted' = { attribute = 'postalAddress', transform = 'postal-address' }
    'urn:example:scim:2.0:User:locked' = { attribute = 'locked', transform = ['bool', 'not'] }
";

fn any_entry() -> impl Strategy<Value = DirectoryEntry> {
    let names = mapper(KITCHEN_SINK).attributes();
    let value = prop_oneof![
        4 => "[A-Za-z0-9+,.@:$ -]{0,12}".prop_map(String::into_bytes),
        2 => "[0-9]{1,19}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => "\\PC{0,8}".prop_map(String::into_bytes),
        1 => Just(b"uid=boss,o=x".to_vec()),
    ];
    let attributes =
        prop::collection::btree_map(prop::sample::select(names), prop::collection::vec(value, 0..4), 0..12);
    ("\\PC{0,20}", attributes, any::<bool>()).prop_map(|(dn, mut attributes, keyed)| {
        if keyed {
            attributes.insert("entryuuid".to_owned(), vec![UUID.as_bytes().to_vec()]);
            attributes.insert("uid".to_owned(), vec![b"jdoe".to_vec()]);
        }
        let attributes = attributes
            .into_iter()
            .map(|(name, values)| Attribute { name, values })
            .collect();
        DirectoryEntry { dn, attributes }
    })
}

proptest! {
    #[test]
    fn an_entry_maps_to_one_thing(entry in any_entry(), seed in any::<usize>(), now in any::<i64>()) {
        let mapper = mapper(KITCHEN_SINK);
        let mapped = mapper.map(&entry, now);
        prop_assert_eq!(&mapped, &mapper.clone().map(&entry, now));
        let mut turned = entry.clone();
        if let Some(middle) = seed.checked_rem(turned.attributes.len()) {
            turned.attributes.rotate_left(middle);
        }
        prop_assert_eq!(&mapped, &mapper.map(&turned, now), "the order of attributes means nothing");
        if let Mapped::InScope(user) = mapped {
            whole(&user)?;
        }
    }
}

/// What holds for every resource.
fn whole(user: &MappedUser) -> Result<(), TestCaseError> {
    prop_assert!(!user.resource.user_name().is_empty());
    for (path, value) in &user.resource.attributes {
        match value {
            Value::Boolean(_) => {}
            Value::Text(text) => prop_assert!(!text.is_empty(), "{path}"),
            Value::List(items) => {
                let primary = items
                    .iter()
                    .filter(|item| item.get("primary") == Some(&Scalar::Boolean(true)));
                prop_assert_eq!(primary.count(), 1, "{}", path);
                prop_assert!(
                    items
                        .iter()
                        .flatten()
                        .all(|(_, value)| *value != Scalar::Text(String::new())),
                    "{path}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_digest_follows_the_rules() {
    let digest = |toml: &str| mapper(toml).digest();
    let base = digest("preset = 'inetorgperson'");
    assert_eq!(base, digest("preset = 'inetorgperson'"));
    // Spelling of keys, and lines that say what the preset says, change nothing.
    assert_eq!(base, digest("preset = 'inetorgperson'\n[map]\nUSERNAME = 'uid'"));
    assert_eq!(base, digest("preset = 'inetorgperson'\nanchor = 'ENTRYUUID'"));
    assert_eq!(base, digest("preset = 'inetorgperson'\n[map]\nnickName = false"));
    for other in [
        "preset = 'active-directory'",
        "preset = 'inetorgperson'\nanchor = 'nsUniqueId'",
        "preset = 'inetorgperson'\n[map]\nuserName = 'mail'",
        "preset = 'inetorgperson'\n[map]\ntitle = false",
        "preset = 'inetorgperson'\n[map]\nexternalId = false",
        "preset = 'inetorgperson'\n[map]\nexternalId = 'uid'",
        "preset = 'inetorgperson'\n[[override]]\ndn = 'uid=a'\nexclude = true",
    ] {
        assert_ne!(base, digest(other), "{other}");
    }
}
