//! A made-up company as LDIF (RFC 2849): the same people for the same number, whatever the size.

use std::fmt::Write;

/// The suffix of every test directory.
pub const SUFFIX: &str = "dc=example,dc=com";
/// Where the people are.
pub const PEOPLE: &str = "ou=people,dc=example,dc=com";
/// Reports of one manager.
const SPAN: usize = 8;

const GIVEN: [&str; 12] = [
    "Ana",
    "Björn",
    "Chloé",
    "Дмитро",
    "Eva",
    "Fatima",
    "Γιώργος",
    "Hana",
    "伟",
    "José",
    "Kim",
    "Łukasz",
];
const FAMILY: [&str; 11] = [
    "Novák",
    "O'Connor",
    "García Ruiz",
    "Müller",
    "Иванова",
    "Smith",
    "Nguyễn",
    "佐藤",
    "Sørensen",
    "Okafor",
    "de Vries",
];

/// One made-up person, by number from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `u00001`
    pub uid: String,
    /// May have letters beyond ASCII, as may the family name.
    pub given_name: &'static str,
    /// Never the same pair of names for neighbours.
    pub family_name: &'static str,
    /// The manager's number; the first person has none.
    pub manager: Option<usize>,
    number: usize,
}

/// Person `number`.
pub fn person(number: usize) -> Person {
    Person {
        uid: format!("u{number:05}"),
        given_name: GIVEN[number % GIVEN.len()],
        family_name: FAMILY[number % FAMILY.len()],
        manager: (number > 1).then(|| (number - 2) / SPAN + 1),
        number,
    }
}

impl Person {
    /// Where the person is.
    pub fn dn(&self) -> String {
        format!("uid={},{PEOPLE}", self.uid)
    }

    /// `u00001@example.com`
    pub fn mail(&self) -> String {
        format!("{}@example.com", self.uid)
    }

    /// `Ana Novák`
    pub fn full_name(&self) -> String {
        format!("{} {}", self.given_name, self.family_name)
    }

    /// The entry as an LDIF record with an empty line at its end.
    pub fn ldif(&self) -> String {
        let mut record = format!("dn: {}\n", self.dn());
        for class in ["top", "person", "organizationalPerson", "inetOrgPerson"] {
            line(&mut record, "objectClass", class);
        }
        line(&mut record, "uid", &self.uid);
        line(&mut record, "cn", &self.full_name());
        line(&mut record, "displayName", &self.full_name());
        line(&mut record, "givenName", self.given_name);
        line(&mut record, "sn", self.family_name);
        line(&mut record, "mail", &self.mail());
        line(&mut record, "employeeNumber", &format!("{}", 10_000 + self.number));
        line(&mut record, "departmentNumber", &format!("D{:02}", self.number % 20));
        line(
            &mut record,
            "title",
            if self.number.is_multiple_of(5) {
                "Engineer"
            } else {
                "Analyst"
            },
        );
        line(&mut record, "telephoneNumber", &format!("+49 30 {:07}", self.number));
        line(&mut record, "preferredLanguage", "en");
        if let Some(manager) = self.manager {
            line(&mut record, "manager", &person(manager).dn());
        }
        record.push('\n');
        record
    }

    /// The same entry with what Active Directory would say of the person. `account_control` 512 is
    /// an account in use, 514 a disabled one.
    pub fn active_directory_ldif(&self, account_control: u32) -> String {
        // slapadd wants the values of one attribute together.
        let mut record = self.ldif().replacen(
            "objectClass: top\n",
            "objectClass: top\nobjectClass: extensibleObject\n",
            1,
        );
        record.truncate(record.trim_end().len() + 1);
        line(&mut record, "sAMAccountName", &self.uid);
        line(&mut record, "userPrincipalName", &self.mail());
        line(&mut record, "userAccountControl", &account_control.to_string());
        line(&mut record, "accountExpires", "9223372036854775807");
        writeln!(record, "objectGUID:: {}\n", base64(&self.object_guid())).unwrap();
        record
    }

    /// The 16 bytes of `objectGUID`, never valid UTF-8.
    pub fn object_guid(&self) -> [u8; 16] {
        let mut guid = [
            0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0, 0, 0, 0,
        ];
        guid[12..].copy_from_slice(&u32::try_from(self.number).unwrap().to_be_bytes());
        guid
    }
}

/// People `1..=count`, without the entries above them.
pub fn ldif(count: usize) -> String {
    (1..=count).map(|number| person(number).ldif()).collect()
}

/// `name: value`, in base64 where LDIF asks for it.
fn line(record: &mut String, name: &str, value: &str) {
    let plain = value.is_ascii() && !value.starts_with([' ', ':', '<']) && !value.ends_with(' ');
    if plain {
        writeln!(record, "{name}: {value}")
    } else {
        writeln!(record, "{name}:: {}", base64(value.as_bytes()))
    }
    .unwrap();
}

/// RFC 4648 section 4, for attribute values in LDIF.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let sextet = bits >> (18 - 6 * place) & 63;
            text.push(if place > group.len() {
                '='
            } else {
                char::from(ALPHABET[sextet])
            });
        }
    }
    text
}
