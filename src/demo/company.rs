//! The demo's company: fourteen people on three levels, and what happens to them in a week.

use secrecy::SecretString;

use super::directory::{ServiceAccount, Tree, TreeError};

/// The topmost entry.
pub const SUFFIX: &str = "dc=lanternworks,dc=example";
/// Where the people are.
pub const PEOPLE: &str = "ou=people,dc=lanternworks,dc=example";
/// The account that reads.
pub const READER: &str = "cn=scimward,ou=services,dc=lanternworks,dc=example";

/// One person of the first day.
struct Person {
    uid: &'static str,
    given_name: &'static str,
    family_name: &'static str,
    title: &'static str,
    department: &'static str,
    manager: Option<&'static str>,
    language: &'static str,
}

const fn person(
    uid: &'static str,
    (given_name, family_name): (&'static str, &'static str),
    title: &'static str,
    department: &'static str,
    manager: &'static str,
    language: &'static str,
) -> Person {
    let manager = if manager.is_empty() { None } else { Some(manager) };
    Person {
        uid,
        given_name,
        family_name,
        title,
        department,
        manager,
        language,
    }
}

/// Three levels: the head, two heads of department, and their people.
const STAFF: [Person; 14] = [
    person("iokafor", ("Ifeoma", "Okafor"), "Managing Director", "Board", "", "en"),
    person(
        "jmueller",
        ("Jürgen", "Müller"),
        "Head of Engineering",
        "Engineering",
        "iokafor",
        "de",
    ),
    person(
        "sdubois",
        ("Solène", "Dubois"),
        "Head of Sales",
        "Sales",
        "iokafor",
        "fr",
    ),
    person(
        "lwei",
        ("伟", "李"),
        "Software Engineer",
        "Engineering",
        "jmueller",
        "zh-CN",
    ),
    person(
        "tsato",
        ("太郎", "佐藤"),
        "Software Engineer",
        "Engineering",
        "jmueller",
        "ja",
    ),
    person(
        "asorensen",
        ("Åse", "Sørensen"),
        "Site Reliability Engineer",
        "Engineering",
        "jmueller",
        "nb",
    ),
    person(
        "dkovalenko",
        ("Дарина", "Коваленко"),
        "Test Engineer",
        "Engineering",
        "jmueller",
        "uk",
    ),
    person(
        "pnair",
        ("Priya", "Nair"),
        "Product Designer",
        "Engineering",
        "jmueller",
        "en",
    ),
    person(
        "mgarcia",
        ("María José", "García Ruiz"),
        "Account Manager",
        "Sales",
        "sdubois",
        "es",
    ),
    person(
        "obrien",
        ("Aoife", "O'Brien"),
        "Account Manager",
        "Sales",
        "sdubois",
        "en",
    ),
    person("nhaddad", ("نور", "حداد"), "Sales Engineer", "Sales", "sdubois", "ar"),
    person(
        "gpapadaki",
        ("Ελένη", "Παπαδάκη"),
        "Contracts",
        "Sales",
        "sdubois",
        "el",
    ),
    person(
        "frontdesk",
        ("Front", "Desk"),
        "Shared account",
        "Board",
        "iokafor",
        "en",
    ),
    person("hnowak", ("Hanna", "Nowak"), "Trainee", "Sales", "sdubois", "pl"),
];

/// People on the first day.
pub const HEADCOUNT: usize = STAFF.len();

/// The person without an e-mail address, whom a cloud that insists on one refuses.
pub const WITHOUT_MAIL: &str = "frontdesk";
/// The person whose account is disabled in the directory: `employeeType` is `disabled`, else `staff`.
pub const DISABLED: &str = "hnowak";

/// A person's distinguished name.
#[must_use]
pub fn dn(uid: &str) -> String {
    format!("uid={uid},{PEOPLE}")
}

/// The company on its first day. `password` is the reading account's.
///
/// # Errors
/// Never with the data here; the type is the tree's.
pub fn tree(password: SecretString) -> Result<Tree, TreeError> {
    let mut tree = Tree::new(ServiceAccount {
        dn: READER.to_owned(),
        password,
    });
    tree.add(
        SUFFIX,
        &[
            ("objectClass", &["top", "dcObject", "organization"]),
            ("o", &["Lantern Works"]),
        ],
    )?;
    tree.add(
        PEOPLE,
        &[("objectClass", &["top", "organizationalUnit"]), ("ou", &["people"])],
    )?;
    for (person, number) in STAFF.iter().zip(1001..) {
        hire(&mut tree, person, number)?;
    }
    tree.modify(&dn(WITHOUT_MAIL), &[("mail", &[])])?;
    tree.modify(&dn(DISABLED), &[("employeeType", &["disabled"])])?;
    Ok(tree)
}

fn hire(tree: &mut Tree, person: &Person, number: u32) -> Result<(), TreeError> {
    let full_name = match person.language {
        // Family name first, without a space.
        "zh-CN" | "ja" => format!("{}{}", person.family_name, person.given_name),
        _ => format!("{} {}", person.given_name, person.family_name),
    };
    let manager = person.manager.map(dn);
    let manager: Vec<&str> = manager.iter().map(String::as_str).collect();
    let attributes: [(&str, &[&str]); 14] = [
        (
            "objectClass",
            &["top", "person", "organizationalPerson", "inetOrgPerson"],
        ),
        ("uid", &[person.uid]),
        ("cn", &[&full_name]),
        ("givenName", &[person.given_name]),
        ("sn", &[person.family_name]),
        ("displayName", &[&full_name]),
        ("mail", &[&format!("{}@lanternworks.example", person.uid)]),
        ("title", &[person.title]),
        ("departmentNumber", &[person.department]),
        ("employeeNumber", &[&number.to_string()]),
        ("employeeType", &["staff"]),
        ("preferredLanguage", &[person.language]),
        ("telephoneNumber", &[&format!("+49 30 5550{number}")]),
        ("manager", &manager),
    ];
    tree.add(&dn(person.uid), &attributes).map(drop)
}

/// A joiner: a new engineer. Returns her DN.
///
/// # Errors
/// When she has joined already.
pub fn joiner(tree: &mut Tree) -> Result<String, TreeError> {
    let zoe = person(
        "zlindqvist",
        ("Zoë", "Lindqvist"),
        "Data Engineer",
        "Engineering",
        "asorensen",
        "sv",
    );
    hire(tree, &zoe, 1015)?;
    Ok(dn(zoe.uid))
}

/// A mover: from engineering to sales, with a new title and a new manager. Returns her DN.
///
/// # Errors
/// When she is not in the tree.
pub fn mover(tree: &mut Tree) -> Result<String, TreeError> {
    let who = dn("pnair");
    let manager = dn("sdubois");
    tree.modify(
        &who,
        &[
            ("departmentNumber", &["Sales"]),
            ("title", &["Sales Engineer"]),
            ("manager", &[manager.as_str()]),
        ],
    )?;
    Ok(who)
}

/// A renamed person: married, with a new family name, user name, address and DN. Returns the old and
/// the new DN.
///
/// # Errors
/// When she is not in the tree, or renamed already.
pub fn renamed(tree: &mut Tree) -> Result<(String, String), TreeError> {
    let (old, new) = (dn("dkovalenko"), dn("dmelnyk"));
    tree.rename(&old, &new)?;
    tree.modify(
        &new,
        &[
            ("sn", &["Мельник"]),
            ("cn", &["Дарина Мельник"]),
            ("displayName", &["Дарина Мельник"]),
            ("mail", &["dmelnyk@lanternworks.example"]),
        ],
    )?;
    Ok((old, new))
}

/// A leaver. Returns the DN that is gone.
///
/// # Errors
/// When he has left already.
pub fn leaver(tree: &mut Tree) -> Result<String, TreeError> {
    let who = dn("tsato");
    tree.delete(&who)?;
    Ok(who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manager_is_in_the_company_and_levels_are_three() {
        let tree = tree("p".to_owned().into()).unwrap();
        for one in &STAFF {
            let (mut level, mut entry) = (1, tree.get(&dn(one.uid)).unwrap());
            while let Some(manager) = entry.values("manager").first() {
                entry = tree.get(manager).unwrap_or_else(|| panic!("{manager} is missing"));
                level += 1;
            }
            assert!(level <= 3, "{}: level {level}", one.uid);
        }
        assert!(tree.get(&dn(WITHOUT_MAIL)).unwrap().values("mail").is_empty());
        assert_eq!(tree.get(&dn(DISABLED)).unwrap().values("employeeType"), ["disabled"]);
    }

    #[test]
    fn a_week_changes_what_it_says() {
        let mut tree = tree("p".to_owned().into()).unwrap();
        let uuid = tree.get(&dn("dkovalenko")).unwrap().entry_uuid.clone();
        let joined = joiner(&mut tree).unwrap();
        assert!(tree.get(&joined).is_some());
        let moved = mover(&mut tree).unwrap();
        assert_eq!(tree.get(&moved).unwrap().values("manager"), [dn("sdubois")]);
        let (old, new) = renamed(&mut tree).unwrap();
        assert!(tree.get(&old).is_none());
        let entry = tree.get(&new).unwrap();
        assert_eq!(
            (entry.entry_uuid.as_str(), entry.values("uid")),
            (uuid.as_str(), &["dmelnyk".to_owned()][..])
        );
        let gone = leaver(&mut tree).unwrap();
        assert!(tree.get(&gone).is_none());
    }
}
