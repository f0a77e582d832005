//! Ids that somebody who begins does not know.

use crate::support::cloud::Cloud;

#[test]
fn what_something_is_addressed_by_is_found() {
    let check = |mut cloud: Cloud, list: [&str; 2], key: &str, question: [&str; 2], (stranger, said): (&str, &str)| {
        let id = cloud.unset(key).unwrap();
        let id = id.as_str().unwrap();
        let option = format!("--{}", key.replace('_', "-"));
        let found = cloud.json(&list);
        let (_, found) = found.as_object().unwrap().iter().next().unwrap();
        assert_eq!(found[0][key], id, "{found}");
        let _ = cloud.run(&list).expect(0).says(id);
        let asked = |id: &str| cloud.run(&[question[0], question[1], &option, id]);
        let _ = cloud.run(&question).expect(2).says(&option);
        let _ = asked(id).expect(0);
        let _ = asked(stranger).expect(4).says(said);
    };
    check(
        Cloud::huawei(),
        ["instance", "list"],
        "identity_store_id",
        ["tenant", "show"],
        ("d-0000000000", "instance list"),
    );
    check(
        Cloud::alibaba(),
        ["directory", "list"],
        "directory_id",
        ["scim", "status"],
        ("d-000000000000", "EntityNotExists.Directory"),
    );
}
